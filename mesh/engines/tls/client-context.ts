import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate, type SecureContext } from 'node:tls';
import { NoServiceError } from '../connect-fault.ts';
import { nameOf } from './handshake-fault.ts';
import { alpnProtocol, secureContext } from './secure-context.ts';
import type { ClientTls } from './tls-options.ts';

/** What each new connection of a client to `address` uses. */
export class ClientContext {
  readonly #whose: string;
  readonly #host: string;
  readonly #tls: ClientTls;
  #context: SecureContext;

  /** Throws INVALID_ARGUMENT `INVALID_TLS`. */
  constructor(address: string, tls: ClientTls) {
    this.#whose = `of the client of ${address}`;
    this.#host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
    this.#tls = tls;
    this.#context = this.#read();
  }

  /** Called when the identity has changed. Throws INVALID_ARGUMENT `INVALID_TLS`; then what was before stays in use. */
  refresh(): void {
    this.#context = this.#read();
  }

  /** The options of the next connection, besides where to. */
  options(): ConnectionOptions {
    const { serverName, serverService } = this.#tls;
    return {
      secureContext: this.#context,
      // Its default is a variable of the environment: NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      // A server name in TLS cannot be an address.
      servername: serverName ?? (isIP(this.#host) === 0 ? this.#host : ''),
      ALPNProtocols: [alpnProtocol],
      checkServerIdentity: (_, certificate) =>
        serverService === undefined
          ? checkServerIdentity(serverName ?? this.#host, certificate)
          : this.#serviceFault(serverService, certificate),
    };
  }

  #read(): SecureContext {
    const { identity, ca, minVersion } = this.#tls;
    return secureContext({ whose: this.#whose, minVersion }, identity?.current ?? (ca === undefined ? {} : { ca }));
  }

  #serviceFault(expected: string, { raw }: PeerCertificate): Error | undefined {
    const certificate = new X509Certificate(raw);
    const verdict = this.#tls.checkPeer?.(certificate) ?? { refused: 'names no service' };
    const shown = `its certificate of ${nameOf(certificate)}`;
    if ('refused' in verdict) return new NoServiceError(`${shown} ${verdict.refused}`);
    if (verdict.service === expected) return undefined;
    const named = verdict.service === undefined ? 'no service' : `service ${verdict.service}`;
    return new NoServiceError(`${shown} names ${named} instead of ${expected}`);
  }
}

import type { Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { CallCredentials, ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { NoAlpnError } from '../../connect-fault.ts';
import type { ClientContext } from '../../tls/client-context.ts';
import { alpnProtocol } from '../../tls/secure-context.ts';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** Credentials of grpc-js whose connections each use what counts when they begin. Its own read certificates once. */
export class FreshCredentials extends ChannelCredentials {
  readonly #context: ClientContext;
  readonly #connected: (socket: TLSSocket) => void;

  /** `connected` is called with each connection once its handshake is complete. */
  constructor(context: ClientContext, connected: (socket: TLSSocket) => void) {
    super();
    this.#context = context;
    this.#connected = connected;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const credentials = callCredentials ?? CallCredentials.createEmpty();
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => credentials,
      destroy: () => undefined,
    };
  }

  #connect(socket: Socket): ReturnType<SecureConnector['connect']> {
    return new Promise((resolve, reject) => {
      const encrypted = tlsConnect({ ...this.#context.options(), socket });
      encrypted.once('error', reject);
      encrypted.once('close', () => reject(new Error('the server closed the connection during the TLS handshake')));
      encrypted.once('secureConnect', () => {
        if (encrypted.alpnProtocol !== alpnProtocol) {
          encrypted.destroy(new NoAlpnError());
          return;
        }
        this.#connected(encrypted);
        resolve({ socket: encrypted, secure: true });
      });
    });
  }
}

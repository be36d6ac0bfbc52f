// Not by name: Node before 22.15, which the check of the entry point names, could not link it.
import * as tls from 'node:tls';
import { fixedIdentity } from '../../../../mesh/engines/tls/fixed-identity.ts';
import type { ClientTls, ServerTls, TlsIdentity } from '../../../../mesh/engines/tls/tls-options.ts';

/** A key and its certificate chain, as PEM. */
export interface KeyCertPair {
  private_key: Buffer;
  cert_chain: Buffer;
}

const minVersion = '1.2';

/** How a server secures its connections. */
export class ServerCredentials {
  /** `undefined`: it does not. */
  readonly tls: ServerTls | undefined;

  private constructor(tls: ServerTls | undefined) {
    this.tls = tls;
  }

  static createInsecure(): ServerCredentials {
    return new ServerCredentials(undefined);
  }

  /**
   * TLS 1.2 or 1.3 with the first of the pairs. `checkClientCertificate`: clients need a certificate that one of `rootCerts`
   * has signed.
   */
  static createSsl(
    rootCerts: Buffer | null,
    keyCertPairs: KeyCertPair[],
    checkClientCertificate = false,
  ): ServerCredentials {
    const [pair] = keyCertPairs;
    if (pair === undefined || keyCertPairs.length > 1)
      throw new TypeError(`${keyCertPairs.length} pairs of key and certificate: pass exactly one`);
    const material = { key: pair.private_key, cert: pair.cert_chain, ca: rootCerts ?? trustedByNode() };
    return ServerCredentials.createFromIdentity(fixedIdentity(material), checkClientCertificate);
  }

  /** TLS with a key and certificates that may change while the server runs: see `ReplaceableIdentity`. */
  static createFromIdentity(identity: TlsIdentity, checkClientCertificate = false): ServerCredentials {
    return new ServerCredentials({ identity, clients: checkClientCertificate ? 'required' : 'none', minVersion });
  }
}

/** How a channel secures its connections. */
export class ChannelCredentials {
  /** `undefined`: it does not. */
  readonly tls: ClientTls | undefined;

  private constructor(tls: ClientTls | undefined) {
    this.tls = tls;
  }

  static createInsecure(): ChannelCredentials {
    return new ChannelCredentials(undefined);
  }

  /** TLS 1.2 or 1.3. `rootCerts`: the CAs of servers; default: those that Node trusts. The others are for client certificates. */
  static createSsl(
    rootCerts?: Buffer | null,
    privateKey?: Buffer | null,
    certChain?: Buffer | null,
  ): ChannelCredentials {
    if (!privateKey !== !certChain) throw new TypeError('a private key needs a certificate chain: pass both or none');
    if (privateKey && certChain) {
      const material = { key: privateKey, cert: certChain, ca: rootCerts ?? trustedByNode() };
      return ChannelCredentials.createFromIdentity(fixedIdentity(material));
    }
    return new ChannelCredentials({ minVersion, ...(rootCerts && { ca: rootCerts }) });
  }

  /** TLS with a client certificate and CAs that may change while the channel is open: see `ReplaceableIdentity`. */
  static createFromIdentity(identity: TlsIdentity): ChannelCredentials {
    return new ChannelCredentials({ identity, minVersion });
  }
}

function trustedByNode(): string {
  return tls.getCACertificates('default').join('\n');
}

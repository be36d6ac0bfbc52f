import type { X509Certificate } from 'node:crypto';

/**
 * A key with its certificates and those that are trusted, which change while a process runs. What is not PEM, or does
 * not match, is INVALID_ARGUMENT `INVALID_TLS`: where it is first used, and from the listener after a change, when what
 * was before stays in use.
 */
export interface TlsIdentity {
  /** The current material. A new object after each change. */
  readonly current: TlsMaterial;
  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** Keys, certificates and lists as PEM. */
export interface TlsMaterial {
  readonly key: string | Buffer;
  /** The certificate, followed by the intermediate ones. */
  readonly cert: string | Buffer;
  /** The CAs of peers. */
  readonly ca: string | Buffer;
  /**
   * Revoked certificates of peers: one list of each CA in their chains. A peer whose CA has no list here, or an expired
   * one, is refused. Default: none are revoked.
   */
  readonly crl?: string | Buffer | undefined;
}

/** The oldest version of TLS that is spoken. */
export type TlsVersion = '1.2' | '1.3';

/** The service that a peer's certificate names, or why it is refused. */
export type PeerVerdict = { readonly service: string | undefined } | { readonly refused: string };

/** Decides about the certificate of a peer, which one of the CAs has signed and which is valid now. */
export type CheckPeer = (certificate: X509Certificate) => PeerVerdict;

/** TLS of a server. ALPN offers only HTTP/2, and no session is resumed. */
export interface ServerTls {
  /** New connections use what is current; open ones end when the peer's certificate is no longer trusted or expires. */
  readonly identity: TlsIdentity;
  /** Whether clients need a certificate. With `optional`, one that is sent must be valid. Default: `required`. */
  readonly clients?: 'required' | 'optional' | 'none' | undefined;
  /** Default: every certificate that a CA has signed is accepted, and names no service. */
  readonly checkPeer?: CheckPeer | undefined;
  /** Default: 1.3. */
  readonly minVersion?: TlsVersion | undefined;
  /** The time limit of a handshake. Default: 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** How long the open calls of a client may take whose certificate is no longer trusted. Default: 30 s. */
  readonly graceMs?: number;
}

/** TLS of a client. */
export interface ClientTls {
  /**
   * Its certificate and the CAs of servers. After a change, new connections replace the open
   * ones. Default: no certificate.
   */
  readonly identity?: TlsIdentity | undefined;
  /** The CAs of servers, as PEM, for a client without identity. Default: those that Node trusts. */
  readonly ca?: string | Buffer | undefined;
  /** The name that the server's certificate must have. Default: the host of the address. */
  readonly serverName?: string | undefined;
  /**
   * The service that the server's certificate must name by `checkPeer`, whatever its host.
   * Default: `serverName` is checked.
   */
  readonly serverService?: string | undefined;
  /** Finds the service that the server's certificate names, for `serverService`. */
  readonly checkPeer?: CheckPeer | undefined;
  /** Default: 1.3. */
  readonly minVersion?: TlsVersion | undefined;
}

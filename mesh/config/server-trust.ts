import type { ConnectionOptions } from 'node:tls';

/**
 * How this process checks the certificate of a server that it uses, and proves to it who it is. Each member is PEM, and
 * what is valid now: it changes with its file, so read it for each connection.
 */
export interface ServerTrust {
  /** The authorities that may sign the certificate of the server. `undefined`: those of Node. */
  readonly ca?: string | Buffer | undefined;
  /** Revoked certificates, one list for each of these authorities. `undefined`: none are revoked. */
  readonly crl?: string | Buffer | undefined;
  /** The certificate of this process, for servers that ask for one, and its key. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
}

/** The options of TLS that a client library copies at each connection: then they are those of that moment. */
export function trustOptions(
  trust: ServerTrust = {},
): Pick<ConnectionOptions, 'rejectUnauthorized' | keyof ServerTrust> {
  return {
    rejectUnauthorized: true,
    get ca() {
      return trust.ca;
    },
    get crl() {
      return trust.crl;
    },
    get cert() {
      return trust.cert;
    },
    get key() {
      return trust.key;
    },
  };
}

import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { drop, peerOf } from '../../engines/hang-up.ts';
import type { ConnectionEnd } from '../../engines/host-observer.ts';
import { HandshakeLimit } from '../../engines/tls/handshake-limit.ts';
import { contextOptions, secureContext } from '../../engines/tls/secure-context.ts';
import type { TlsIdentity, TlsVersion } from '../../engines/tls/tls-options.ts';
import type { HttpEndReason } from './end-reasons.ts';

/** TLS of the HTTP listener. Clients need no certificate, and are not asked for one: browsers would ask their users. */
export interface HttpTls {
  /** New connections use what is current. */
  readonly identity: TlsIdentity;
  /** Default: 1.3. */
  readonly minVersion?: TlsVersion | undefined;
}

export interface EncryptedOptions {
  readonly tls: HttpTls;
  /** The time limit of a handshake. */
  readonly handshakeMs: number;
  readonly report: (end: ConnectionEnd<HttpEndReason>) => void;
  /** Is given a connection after its handshake. */
  readonly opened: (socket: TLSSocket) => void;
}

/** The handshakes of the HTTP listener. */
export interface EncryptedConnections {
  /** Begins the handshake on a connection, whose first bytes may have been read and put back. */
  accept(socket: Socket): void;
  /** Follows the certificates no longer. */
  close(): void;
  /** Ends all handshakes now. */
  closeAll(): void;
}

interface TlsError extends NodeJS.ErrnoException {
  /** The message of OpenSSL without its place in the code. */
  readonly reason?: string;
}

/** Encrypts connections. Throws INVALID_ARGUMENT `INVALID_TLS` if the key and the certificate cannot be used. */
export function createEncryptedConnections(options: EncryptedOptions): EncryptedConnections {
  const { tls, handshakeMs, report, opened } = options;
  const { identity, minVersion } = tls;
  const context = () => {
    // Called for its error; the server creates its own context.
    secureContext({ whose: 'of HTTP_LISTEN', minVersion }, identity.current);
    return contextOptions(identity.current, minVersion);
  };
  const server = createServer({
    ...context(),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
  });
  const limit = new HandshakeLimit();
  /** By the socket below: its peer, which Node forgets with the connection. */
  const handshakes = new Map<Socket, string>();
  const stopFollowing = identity.onChange(() => server.setSecureContext(context()));
  server.on('secureConnection', (socket) => {
    handshakes.delete(below(socket));
    limit.done(below(socket));
    opened(socket);
  });
  server.on('tlsClientError', ({ code, reason, message }: TlsError, socket) => {
    socket.on('error', () => undefined).destroy();
    const parent = below(socket);
    const peer = handshakes.get(parent) ?? peerOf(socket);
    parent.destroy();
    // The client has hung up, as the checks of load balancers do.
    if (code !== 'ECONNRESET') report({ peer, reason: 'tls_handshake', problem: reason ?? message });
  });
  return {
    accept(socket) {
      const problem = limit.begin(socket);
      if (problem !== undefined) {
        report({ peer: peerOf(socket), reason: 'too_many_handshakes', problem });
        drop(socket);
        return;
      }
      handshakes.set(socket, peerOf(socket));
      socket.once('close', () => handshakes.delete(socket));
      server.emit('connection', socket);
    },
    close: stopFollowing,
    closeAll() {
      for (const socket of handshakes.keys()) socket.destroy();
    },
  };
}

/** The socket below: `_parent`, which is private. */
function below(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent ?? socket;
}

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ServerTls } from './engine.ts';
import { listenError, parseListenAddress } from './listen-address.ts';
import { alpnProtocol, secureContext } from './secure-context.ts';

/** Accepts the connections of a server host. */
export interface Listener {
  /** Listens on `host:port`; resolves with the port. Rejects with a MeshError that names the address. */
  listen(address: string): Promise<number>;
  /** Accepts no further connections. Resolves when the accepted ones have ended. */
  close(): Promise<void>;
  /** Closes all accepted connections, including those in a handshake. */
  destroyAll(): void;
}

/** Listens for plain connections or, with `tls`, for encrypted ones, which are passed to `onSocket` once ALPN selected HTTP/2. */
export function createListener(tls: ServerTls | undefined, onSocket: (socket: Socket) => void): Listener {
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer({ noDelay: true }, onSocket) : createSecureServer(tls, onSocket);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    async listen(address) {
      server.listen(parseListenAddress(address));
      await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error)));
      // A connection that fails for lack of files or memory must not stop the others.
      server.on('error', () => undefined);
      return (server.address() as AddressInfo).port;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function createSecureServer(tls: ServerTls, onSocket: (socket: Socket) => void): Server {
  const { key, cert, clientCa, handshakeTimeoutMs = 10_000 } = tls;
  // Called for its error; the server creates its own context.
  secureContext('of the server', { key, cert, ca: clientCa });
  const server = createTlsServer({
    key,
    cert,
    ca: clientCa,
    requestCert: clientCa !== undefined,
    minVersion: 'TLSv1.2',
    ALPNProtocols: [alpnProtocol],
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
  });
  server.on('secureConnection', (socket) => {
    if (socket.alpnProtocol === alpnProtocol) onSocket(socket);
    else drop(socket);
  });
  server.on('tlsClientError', (_, socket) => drop(socket));
  return server;
}

/** Closes a connection that was not accepted. */
function drop(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ServerTls } from './engine.ts';
import { listenError, parseListenAddress } from './listen-address.ts';
import { alpnProtocol, secureContext } from './secure-context.ts';

/** Takes the connections of a server host. */
export interface Listener {
  /** Listens on `host:port` and resolves with the port. Rejects with a MeshError that names the address. */
  listen(address: string): Promise<number>;
  /** Takes no more; resolves when all that it took have ended. */
  close(): Promise<void>;
  /** Ends all that it took, also those in the middle of a handshake. */
  destroyAll(): void;
}

/** Listens for plain connections, or with `tls` for encrypted ones: those are handed on once they have agreed to HTTP/2. */
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
      // One connection less, for lack of files or memory: the others go on.
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
  // For its error: the server makes its own of the same.
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

/** Ends a connection that nobody has taken. */
function drop(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

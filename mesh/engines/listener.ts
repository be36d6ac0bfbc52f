import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { hangUp, peerOf } from './hang-up.ts';
import type { HostObserver } from './host-observer.ts';
import { listenError, parseListenAddress } from './listen-address.ts';
import { alpnProtocol, contextOptions, secureContext } from './tls/secure-context.ts';
import type { ServerTls } from './tls/tls-options.ts';

/** Accepts the connections of a server host. */
export interface Listener {
  /** The open connections, without those that are being turned away. */
  readonly openConnections: number;
  /** Listens on `host:port`; resolves with the port. Rejects with a MeshError that names the address and the setting. */
  listen(address: string, setting?: string): Promise<number>;
  /** Accepts no further connections. Resolves when the accepted ones have ended. */
  close(): Promise<void>;
  /** Closes all accepted connections, including those in a handshake. */
  destroyAll(): void;
}

export interface ListenerOptions {
  readonly tls: ServerTls | undefined;
  readonly maxConnections: number;
  readonly observer: HostObserver;
}

// How many connections above the limit get an answer that says why they are closed. More are closed without.
const maxTurnedAway = 100;
const lingerMs = 1_000;

interface TlsError extends NodeJS.ErrnoException {
  /** The message of OpenSSL without its place in the code. */
  readonly reason?: string;
}

// TCP finds clients that are gone.
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

/** Listens for plain connections or, with `tls`, for encrypted ones, which are passed to `onSocket` once ALPN selected HTTP/2. */
export function createListener(
  { tls, maxConnections, observer }: ListenerOptions,
  onSocket: (socket: Socket) => void,
): Listener {
  const sockets = new Set<Socket>();
  let turningAway = 0;
  const openConnections = () => sockets.size - turningAway;
  const accept = (socket: Socket) => {
    if (openConnections() <= maxConnections) onSocket(socket);
    else turnAway(socket);
  };
  const server = tls === undefined ? createServer(socketOptions) : createSecureServer(tls, accept, observer);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // With TLS, also those of the handshakes, which may take seconds.
    if (sockets.size > maxConnections + maxTurnedAway) {
      reportTooMany(socket);
      drop(socket);
    } else if (tls === undefined) accept(socket);
  });

  function turnAway(socket: Socket): void {
    reportTooMany(socket);
    turningAway += 1;
    socket.once('close', () => {
      turningAway -= 1;
    });
    socket.on('error', () => undefined);
    socket.write(answerOfFullServer(maxConnections));
    hangUp(socket, lingerMs);
  }

  function reportTooMany(socket: Socket): void {
    const problem = `all ${maxConnections} connections are in use`;
    observer.connectionEnded({ peer: peerOf(socket), reason: 'too_many_connections', problem });
  }

  return {
    get openConnections() {
      return openConnections();
    },
    async listen(address, setting = 'GRPC_LISTEN') {
      server.listen(parseListenAddress(address));
      await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error, setting)));
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

function createSecureServer(tls: ServerTls, onSocket: (socket: Socket) => void, observer: HostObserver): Server {
  const { identity, clients = 'required', minVersion, handshakeTimeoutMs = 10_000 } = tls;
  const context = () => {
    // Called for its error; the server creates its own context.
    secureContext({ whose: 'of the server', minVersion }, identity.current);
    return contextOptions(identity.current, minVersion);
  };
  const server = createTlsServer({
    ...context(),
    requestCert: clients !== 'none',
    rejectUnauthorized: clients === 'required',
    ALPNProtocols: [alpnProtocol],
    handshakeTimeout: handshakeTimeoutMs,
    ...socketOptions,
  });
  const stopWatching = identity.onChange(() => server.setSecureContext(context()));
  server.once('close', stopWatching);
  const refuse = (socket: Socket, problem: string, peer = peerOf(socket)) => {
    observer.connectionEnded({ peer, reason: 'tls_handshake', problem });
    drop(socket);
  };
  server.on('secureConnection', (socket) => {
    // One that needs no certificate may still have a bad one.
    const isUntrusted = clients === 'optional' && socket.getPeerX509Certificate() !== undefined && !socket.authorized;
    if (isUntrusted) refuse(socket, String(socket.authorizationError));
    else if (socket.alpnProtocol === alpnProtocol) onSocket(socket);
    else refuse(socket, 'the client did not select HTTP/2 in ALPN');
  });
  const peers = new WeakMap<Socket, string>();
  server.on('connection', (socket: Socket) => peers.set(socket, peerOf(socket)));
  server.on('tlsClientError', ({ code, reason, message }: TlsError, socket) => {
    // Node closes the connection of an untrusted certificate before it reports it. `_parent`, the socket below, is private.
    const { _parent: parent, authorizationError } = socket as typeof socket & { readonly _parent?: Socket };
    const untrusted = authorizationError ? String(authorizationError) : undefined;
    // The client has hung up, as the checks of load balancers do.
    if (code === 'ECONNRESET' && untrusted === undefined) drop(socket);
    else refuse(socket, untrusted ?? reason ?? message, parent && peers.get(parent));
  });
  return server;
}

/** Closes a connection that was not accepted. */
function drop(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}

/**
 * An answer of HTTP/1.1, because a client must not take this for a connection that works: after SETTINGS and GOAWAY, gRPC
 * clients connect again immediately and repeat the call. After this answer they wait, and report the status.
 */
function answerOfFullServer(maxConnections: number): string {
  const text = `all ${maxConnections} connections of this server are in use: try again later, or use another server\n`;
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${text.length}`,
    'retry-after: 1',
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}

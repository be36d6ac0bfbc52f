import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { ConnectionLimit, type TurnedAway } from './connection-limit.ts';
import type { ConnectionPeer } from './connection-peer.ts';
import { drop, hangUp, peerOf } from './hang-up.ts';
import type { HostObserver } from './host-observer.ts';
import { listenError, parseListenAddress, socketPathOf } from './listen-address.ts';
import { createSecureServer, type ListenerProtocol } from './tls/secure-server.ts';
import type { ServerTls } from './tls/tls-options.ts';

/** Accepts the connections of a server host. */
export interface Listener {
  /** The open connections, without those that are being turned away. */
  readonly openConnections: number;
  /** `host:port` at which it listens, an address in place of a name, or `unix:/path`; `undefined` until it does. */
  readonly boundAddress: string | undefined;
  /** Listens on `host:port`, or on `unix:/path` (then the port is 1). Rejects with a MeshError that names the address and the setting. */
  listen(address: string, setting?: string): Promise<number>;
  /** Accepts no further connections. Resolves when the accepted ones have ended. */
  close(): Promise<void>;
  /** Closes all accepted connections, including those in a handshake. */
  destroyAll(): void;
}

export interface ListenerOptions {
  readonly tls: ServerTls | undefined;
  /** What ALPN selects. Default: HTTP/2. */
  readonly protocol?: ListenerProtocol | undefined;
  readonly maxConnections: number;
  /** How many of them one address may have. */
  readonly maxConnectionsPerAddress: number;
  readonly observer: HostObserver;
}

const lingerMs = 1_000;

// TCP finds clients that are gone.
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

/**
 * Listens for plain connections or, with `tls`, for encrypted ones, which are passed to
 * `onSocket` after their handshakes.
 */
export function createListener(
  { tls, protocol, maxConnections, maxConnectionsPerAddress, observer }: ListenerOptions,
  onSocket: (socket: Socket, peer: ConnectionPeer) => void,
): Listener {
  const sockets = new Set<Socket>();
  const limit = new ConnectionLimit({ all: maxConnections, ofAddress: maxConnectionsPerAddress });
  /** Those that get an answer once their handshakes are complete, by peer. */
  const turningAway = new Map<string, TurnedAway>();
  const server =
    tls === undefined
      ? createServer(socketOptions)
      : createSecureServer({ tls, protocol, observer, socketOptions }, acceptSecure);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const turnedAway = limit.enter(socket);
    if (turnedAway !== undefined) turnAway(socket, turnedAway);
    else if (tls === undefined) accept(socket);
  });

  function accept(socket: Socket): void {
    onSocket(socket, { address: peerOf(socket), service: undefined, leave: () => drop(socket) });
  }

  function acceptSecure(socket: Socket, peer: ConnectionPeer): void {
    const turnedAway = turningAway.get(peer.address);
    if (turnedAway === undefined) onSocket(socket, peer);
    else answer(socket, turnedAway);
  }

  function turnAway(socket: Socket, turnedAway: TurnedAway): void {
    const { end, isAnswered } = turnedAway;
    if (!isAnswered) {
      observer.connectionEnded(end);
      drop(socket);
    } else if (tls === undefined) answer(socket, turnedAway);
    else {
      turningAway.set(end.peer, turnedAway);
      socket.once('close', () => turningAway.delete(end.peer));
    }
  }

  function answer(socket: Socket, turnedAway: TurnedAway): void {
    observer.connectionEnded(turnedAway.end);
    answerOfFullServer(socket, turnedAway);
  }

  return {
    get openConnections() {
      return limit.open;
    },
    get boundAddress() {
      return addressOf(server.address());
    },
    async listen(address, setting) {
      const path = socketPathOf(address);
      server.listen(path === undefined ? parseListenAddress(address) : { path });
      await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error, setting)));
      // A connection that fails for lack of files or memory must not stop the others.
      server.on('error', () => undefined);
      const bound = server.address();
      return typeof bound === 'string' ? 1 : (bound as AddressInfo).port;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function addressOf(bound: AddressInfo | string | null): string | undefined {
  if (bound === null) return undefined;
  if (typeof bound === 'string') return `unix:${bound}`;
  const { address, family, port } = bound;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * An answer of HTTP/1.1, because a client must not take this for a connection that works: after SETTINGS and GOAWAY, gRPC
 * clients connect again immediately and repeat the call. After this answer they wait, and report the status.
 */
function answerOfFullServer(socket: Socket, { end, max }: TurnedAway): void {
  const whose = end.reason === 'too_many_connections' ? 'this server' : 'your address';
  const text = `all ${max} connections of ${whose} are in use: try again later, or use another server\n`;
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${text.length}`,
    'retry-after: 1',
    'connection: close',
  ];
  socket.on('error', () => undefined);
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
  hangUp(socket, lingerMs);
}

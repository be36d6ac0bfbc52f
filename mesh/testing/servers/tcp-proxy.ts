import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of servers, like a load balancer or a DNS name. */
export interface TcpProxy {
  readonly port: number;
  /** Routes new connections to another port. Existing connections stay. */
  routeTo(port: number): void;
  /** Forwards nothing on existing connections and keeps them open, like a machine that disappeared. */
  silence(): void;
  /** Closes all connections. */
  close(): void;
}

/** Listens on a free port of 127.0.0.1 and forwards everything to `port`. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  let target = port;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the system returned no port');
  return {
    port: address.port,
    routeTo(next) {
      target = next;
    },
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

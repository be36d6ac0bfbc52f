import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands before servers, as a load balancer or a name in DNS does. */
export interface TcpProxy {
  readonly port: number;
  /** Where new connections lead from now on; those that there are stay where they are. */
  leadTo(port: number): void;
  /** Passes nothing on any more on the connections that there are, and does not end them: as a machine that is gone. */
  silence(): void;
  /** Ends all connections. */
  close(): void;
}

/** Listens on a free port of 127.0.0.1 and passes everything to `port` there. */
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
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return {
    port: address.port,
    leadTo(next) {
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

import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** A proxy on a port of 127.0.0.1 that loses traffic on demand. */
export interface CutProxy {
  readonly port: number;
  /** Withholds all traffic in one direction from now on. */
  withhold(way: 'requests' | 'answers'): void;
  /** Cuts all connections. New ones work. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a proxy in front of `targetPort`, on `port` or a free one. */
export async function startCutProxy(targetPort: number, port = 0): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  const withheld = new Set<string>();
  const pump = (from: Socket, to: Socket, way: string) => {
    sockets.add(from);
    from.on('data', (chunk) => withheld.has(way) || to.write(chunk));
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on('error', () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = createConnection(targetPort, '127.0.0.1');
    pump(client, upstream, 'requests');
    pump(upstream, client, 'answers');
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    withheld.clear();
  };
  return {
    port: address.port,
    withhold: (way) => void withheld.add(way),
    cut,
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

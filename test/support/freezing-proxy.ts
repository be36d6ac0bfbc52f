import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that can freeze: connections stay open, but nothing passes. */
export interface FreezingProxy extends AsyncDisposable {
  readonly port: number;
  freeze(): void;
  /** Accepts new connections again. */
  thaw(): void;
}

/** Forwards connections from `port`, by default any free port, to a local port. */
export async function startFreezingProxy(targetPort: number, port = 0): Promise<FreezingProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  const keep = (socket: Socket) => sockets.add(socket.on('error', () => undefined));
  const server = createServer((inbound) => {
    keep(inbound);
    if (frozen) return;
    const outbound = connect(targetPort, '127.0.0.1');
    keep(outbound);
    inbound.pipe(outbound).pipe(inbound);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    thaw() {
      frozen = false;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that can freeze: connections stay, and nothing gets through any more. */
export interface FreezingProxy extends AsyncDisposable {
  readonly port: number;
  freeze(): void;
}

/** Forwards connections to a port of this machine. */
export async function startFreezingProxy(targetPort: number): Promise<FreezingProxy> {
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

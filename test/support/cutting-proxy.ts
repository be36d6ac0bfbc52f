import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that cuts each connection after a number of bytes from the server, in the middle of a stream. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
}

/** Forwards connections from a free port to a local port. */
export async function startCuttingProxy(targetPort: number, maxBytes: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => sockets.add(socket.on('error', () => undefined));
  const server = createServer((inbound) => {
    const outbound = connect(targetPort, '127.0.0.1');
    keep(inbound).add(outbound);
    keep(outbound);
    let left = maxBytes;
    inbound.pipe(outbound);
    outbound.on('data', (chunk: Buffer) => {
      inbound.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left > 0) return;
      inbound.end();
      outbound.destroy();
    });
    outbound.on('close', () => inbound.destroySoon());
    inbound.on('close', () => outbound.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

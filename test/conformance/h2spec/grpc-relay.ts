import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestTarget } from '../test-service/start.ts';
import { CallMaker } from './call-maker.ts';

/**
 * h2spec sends GET requests without a content type. A gRPC server rejects them immediately, so many cases would test nothing.
 * This relay turns the requests into gRPC calls and passes every other byte on unchanged.
 */
export async function startGrpcRelay(serverPort: number): Promise<TestTarget> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    for (const socket of [client, server]) sockets.add(socket.setNoDelay());
    const maker = new CallMaker((bytes) => server.write(bytes));
    client.on('data', (bytes: Buffer) => maker.take(bytes));
    server.on('data', (bytes) => client.write(bytes));
    couple(client, server);
    couple(server, client);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => relay.close(resolve));
  };
  return { port: (relay.address() as AddressInfo).port, stop };
}

/** Ends one side after the other, once all bytes are sent. */
function couple(from: Socket, to: Socket): void {
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.end());
}

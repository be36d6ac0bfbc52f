import { createRequire } from 'node:module';
import { createServer, connect as openSocket, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../testing/eventually.ts';
import './kafkajs.ts';

/** As much of the library's queue of requests as its timer touches. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  scheduleCheckPendingRequests(): void;
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  readonly prototype: RequestQueue;
};

function queueWith(pending: unknown[]): RequestQueue {
  return Object.assign(Object.create(prototype) as RequestQueue, {
    pending,
    throttledUntil: -1,
    throttleCheckTimeoutId: null,
  });
}

it('an idle connection sets no timer', () => {
  const queue = queueWith([]);
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

it('a connection with waiting requests sends them', () => {
  const queue = queueWith([{}]);
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  clearTimeout(queue.throttleCheckTimeoutId ?? undefined);
});

/** As much of a connection of the library as a request touches that finds it closed. */
interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
}

it('requests of one moment share the socket that they open', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.resume()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const quiet: object = { namespace: () => quiet, debug: () => undefined };
  const LibraryConnection = createRequire(import.meta.url)('kafkajs/src/network/connection') as new (
    options: object,
  ) => Connection;
  const connection = new LibraryConnection({
    host: '127.0.0.1',
    port,
    logger: quiet,
    connectionTimeout: 3_000,
    requestTimeout: 1_000,
    socketFactory: ({ onConnect }: { readonly onConnect: () => void }) => openSocket({ port }, onConnect),
  });
  onTestFinished(async () => {
    await connection.disconnect();
    server.close();
  });
  await Promise.all(Array.from({ length: 20 }, () => connection.connect()));
  await eventually(() => expect(sockets).toHaveLength(1));
  sockets[0]?.destroy();
  await eventually(() => expect(sockets[0]?.closed).toBe(true));
  await eventually(async () => {
    await connection.connect();
    expect(sockets).toHaveLength(2);
  });
});

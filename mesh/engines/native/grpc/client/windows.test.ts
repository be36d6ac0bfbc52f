import { setTimeout as delay } from 'node:timers/promises';
import { Metadata } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import { toStatus } from '../../../../errors/to-status.ts';
import { createLogger } from '../../../../telemetry/logger.ts';
import type { EngineMethod } from '../../../engine.ts';
import { nativeEngine } from '../../engine.ts';

const message = Buffer.alloc(4_096, 'm');
const readers = 8;
const readMessages = 2_000;
const asIs = (bytes: Uint8Array) => bytes;
const list: EngineMethod<Uint8Array, Uint8Array> = {
  path: '/test.v1.Lists/Endless',
  kind: 'server-streaming',
  encodeRequest: asIs,
  decodeRequest: asIs,
  encodeResponse: asIs,
  decodeResponse: asIs,
};

/** Serves an endless list. `sent` counts its messages. */
async function serveList() {
  const logger = createLogger('silent');
  const host = nativeEngine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  const counts = { sent: 0 };
  host.add(list, {
    kind: 'server-streaming',
    async *handle() {
      for (;;) {
        counts.sent += 1;
        yield message;
      }
    },
  });
  const port = await host.listen('127.0.0.1:0');
  onTestFinished(() => host.drain(0));
  return { address: `127.0.0.1:${port}`, counts };
}

it('holds at most 512 KiB for each fast reader that stops, if windows do not grow', async () => {
  const { address, counts } = await serveList();
  const transport = nativeEngine.connect(address, { windowsGrow: false });
  onTestFinished(() => transport.close());
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const call = { metadata: Metadata(), deadlineMs: undefined, signal: leaving.signal };
  // Together they use up the window of the connection, which makes windows grow.
  const reading = Array.from({ length: readers }, async () => {
    const messages = transport.serverStreaming(list, message, call)[Symbol.asyncIterator]();
    for (let read = 0; read < readMessages; read += 1) await messages.next();
  });
  await Promise.all(reading);
  // All windows are used up when the server sends no more.
  for (let sent = -1; sent !== counts.sent; await delay(200)) sent = counts.sent;
  const heldBytes = (counts.sent - readers * readMessages) * message.length;
  expect(heldBytes / readers).toBeLessThan(512 * 1024);
});

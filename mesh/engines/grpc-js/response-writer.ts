import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata as WireMetadata } from '@grpc/grpc-js';
import { createFrameBatch } from './frame-batch.ts';
import type { ServerCall } from './server-call.ts';
import { http2StreamOf } from './tuned-server.ts';

/** The part of grpc-js's streams by which calls end. Messages go past it: it takes them one at a time. */
export interface ResponseStream {
  end(trailers?: WireMetadata): unknown;
  emit(event: 'error', status: object): boolean;
}

/**
 * Writes answers as fast as the peer takes them, so that a slow reader costs no memory, then ends the call. When the
 * call ends otherwise, the iterator is closed at once, also while it is being waited for.
 */
export async function writeAll<Response>(
  responses: AsyncIterable<Response>,
  call: ServerCall,
  stream: ResponseStream,
  encode: (message: Response) => Buffer,
): Promise<void> {
  const iterator = responses[Symbol.asyncIterator]();
  const http2Stream = http2StreamOf(stream);
  const batch = createFrameBatch(http2Stream, () => !call.isOver && !http2Stream.destroyed);
  const room = createRoom(http2Stream);
  let begun = false;
  call.onAbort(() => {
    room.open();
    close(iterator);
  });
  try {
    // Also before the first: a handler that was never begun has nothing to close.
    while (!call.isOver) {
      const next = await iterator.next();
      if (call.isOver) return;
      if (next.done) break;
      const bytes = encode(next.value);
      if (!begun) call.beginMessages();
      begun = true;
      if (!batch.add(bytes)) await room.opened();
    }
  } finally {
    batch.flush();
  }
  if (!call.end()) return;
  call.sendHeader();
  stream.end(call.trailers());
}

/** Waits for room in the stream's buffer. */
function createRoom(stream: ServerHttp2Stream): { open(): void; opened(): Promise<void> } {
  let resume: (() => void) | undefined;
  const open = () => resume?.();
  stream.on('drain', open);
  return {
    open,
    opened: () =>
      new Promise((resolve) => {
        resume = resolve;
      }),
  };
}

// What a handler throws while it is being closed can reach no caller; the chain above has it in the log.
function close(iterator: AsyncIterator<unknown>): void {
  const closing = iterator.return?.();
  closing?.catch(() => undefined);
}

import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata as WireMetadata } from '@grpc/grpc-js';
import { createFrameBatch } from './frame-batch.ts';
import type { ServerCall } from './server-call.ts';
import { watchOf } from './session-watch.ts';
import { http2StreamOf } from './tuned-server.ts';

/** The part of grpc-js's streams that ends calls. Messages bypass it, because it writes them one at a time. */
export interface ReplyStream {
  end(trailers?: WireMetadata): unknown;
  emit(event: 'error', status: object): boolean;
}

/**
 * Writes responses as fast as the peer accepts them, so a slow reader costs no memory, then ends the call. If the call ends
 * early, closes the iterator immediately, even while it is awaited.
 */
export async function writeAll<Response>(
  responses: AsyncIterable<Response>,
  call: ServerCall,
  stream: ReplyStream,
  encode: (message: Response) => Buffer,
): Promise<void> {
  const iterator = responses[Symbol.asyncIterator]();
  const http2Stream = http2StreamOf(stream);
  const watch = watchOf(http2Stream);
  const batch = createFrameBatch(http2Stream, () => {
    watch?.sent();
    return !call.isOver && !http2Stream.destroyed;
  });
  const room = createRoom(http2Stream);
  call.onAbort(() => {
    room.open();
    close(iterator);
  });
  try {
    // Checked before the first: a handler that never started has nothing to close.
    while (!call.isOver) {
      const next = await iterator.next();
      if (call.isOver) return;
      if (next.done) break;
      const bytes = encode(next.value);
      // Messages bypass grpc-js, which would send it.
      call.sendHeader();
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

// An error of a handler that is being closed reaches no caller. The server chain logs it.
function close(iterator: AsyncIterator<unknown>): void {
  const closing = iterator.return?.();
  closing?.catch(() => undefined);
}

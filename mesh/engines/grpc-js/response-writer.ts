import type { Metadata as WireMetadata } from '@grpc/grpc-js';
import type { ServerCall } from './server-call.ts';

/** The part of grpc-js's streams that answers go through. */
export interface ResponseStream {
  write(bytes: Buffer): boolean;
  end(trailers?: WireMetadata): unknown;
  emit(event: 'error', status: object): boolean;
  on(event: 'drain', listener: () => void): unknown;
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
  const room = createRoom(stream);
  call.onAbort(() => {
    room.open();
    close(iterator);
  });
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    if (call.ended) return;
    const bytes = encode(next.value);
    call.sendHeader();
    if (!stream.write(bytes)) await room.opened();
    if (call.ended) return;
  }
  if (!call.end()) return;
  call.sendHeader();
  stream.end(call.trailers());
}

/** Waits for room in the stream's buffer. */
function createRoom(stream: ResponseStream): { open(): void; opened(): Promise<void> } {
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

import type { Message } from '@bufbuild/protobuf';
import type { Metadata } from 'nice-grpc-common';
import type { MeshCallOptions } from '../../client/calls.ts';
import { resumable } from '../../client/resumable.ts';
import type { Clock } from '../../time/clock.ts';
import type { StreamCursor } from './cursor.ts';

/** A stream of messages that has begun: from here on its answer is OK. */
export interface BegunStream {
  /** Its first message, or its end. Rejects if it fails meanwhile. */
  readonly first: Promise<IteratorResult<Message>>;
  readonly rest: AsyncIterator<Message>;
  /** Resolves when the service has said where the stream begins, before its first message. Few do. */
  readonly announced: Promise<void>;
  /** Ends the call. */
  cancel(): void;
}

export interface StreamStart {
  readonly call: (request: Message, options?: MeshCallOptions) => AsyncIterable<Message>;
  readonly request: Message;
  readonly options: MeshCallOptions;
  /** `undefined`: the stream is not resumed. */
  readonly cursor: StreamCursor | undefined;
  /** Whether the caller had the stream before, so it waits for the service as within a stream. */
  readonly isResumed: boolean;
  /** Aborts when the process drains: what is cut off then ends. */
  readonly draining: AbortSignal;
  readonly clock: Clock;
}

/** The header of a response that says where a stream begins. */
const startKey = 'resume-after';

/** How long the head of an answer waits for the first message, so an error before it has its status. */
const maxSilenceMs = 500;

/**
 * Makes a server-streaming call. Resolves when its first message or its end has arrived, when the service has said where the
 * stream begins, or after a moment of silence. Rejects if it fails before that. After that, a stream that is cut off continues at
 * any instance of its service, where its cursor is.
 */
export async function beginStream(start: StreamStart): Promise<BegunStream> {
  const { call, request, options, cursor, isResumed, draining, clock } = start;
  const ending = new AbortController();
  const announced = Promise.withResolvers<void>();
  const silent = Promise.withResolvers<void>();
  const onHeader = (header: Metadata) => {
    const value = header.get(startKey);
    if (value === undefined) return;
    cursor?.startAt(value);
    announced.resolve();
  };
  let hasBegun = isResumed;
  const continued = (current: StreamCursor) => ({
    take(message: Message) {
      current.take(message);
      return true;
    },
    next(cause: unknown) {
      if (!hasBegun || draining.aborted) throw cause;
      return current.next();
    },
  });
  const open = cursor === undefined ? call : resumable(call, () => continued(cursor), { clock });
  const rest = open(request, { ...options, signal: ending.signal, onHeader })[Symbol.asyncIterator]();
  const first = rest.next();
  const cancelWait = clock.after(maxSilenceMs, silent.resolve);
  try {
    await Promise.race([first, announced.promise, silent.promise]);
  } finally {
    cancelWait();
  }
  hasBegun = true;
  return { first, rest, announced: announced.promise, cancel: () => ending.abort() };
}

import type { Message } from '@bufbuild/protobuf';
import type { Metadata } from 'nice-grpc-common';
import type { MeshCallOptions } from '../../client/calls.ts';
import type { Clock } from '../../time/clock.ts';

/** A stream of messages that has begun: from here on its answer is OK. */
export interface BegunStream {
  /** Its first message, or its end. Rejects if it fails meanwhile. */
  readonly first: Promise<IteratorResult<Message>>;
  readonly rest: AsyncIterator<Message>;
  /** Where to resume before the first message, if the service says so; else empty. */
  readonly start: string;
  /** Ends the call. */
  cancel(): void;
}

/** The header of a response that says where a stream begins, before its first message. */
const startKey = 'resume-after';

/** How long the head of an answer waits for the first message, so an error before it has its status. */
const maxSilenceMs = 500;

/**
 * Makes a server-streaming call. Resolves when its first message or its end has arrived, when the service has said where the
 * stream begins, or after a moment of silence. Rejects if it fails before that.
 */
export async function beginStream(
  call: (options: MeshCallOptions) => AsyncIterable<Message>,
  options: MeshCallOptions,
  clock: Clock,
): Promise<BegunStream> {
  const ending = new AbortController();
  const announced = Promise.withResolvers<void>();
  let start = '';
  const onHeader = (header: Metadata) => {
    start = header.get(startKey) ?? '';
    if (start !== '') announced.resolve();
  };
  const rest = call({ ...options, signal: ending.signal, onHeader })[Symbol.asyncIterator]();
  const first = rest.next();
  const cancelWait = clock.after(maxSilenceMs, announced.resolve);
  try {
    await Promise.race([first, announced.promise]);
  } finally {
    cancelWait();
  }
  return { first, rest, start, cancel: () => ending.abort() };
}

import type { Message } from '@bufbuild/protobuf';
import type { Problem } from '../problem.ts';
import type { ResponseWriter } from '../response/write-response.ts';

/** Messages of a stream, of which the first or the end has arrived. */
export interface BegunStream {
  readonly first: IteratorResult<Message>;
  readonly rest: AsyncIterator<Message>;
}

/** What a format needs to write the messages of one answer. */
export interface StreamTools {
  readonly write: ResponseWriter;
  /** Describes an error after the first message. It is counted and logged with the request. */
  readonly failed: (error: unknown) => Problem;
}

/** How the messages of a stream are written into one answer. */
export interface StreamFormat {
  readonly contentType: string;
  /**
   * Yields the text of the answer as it is read. If it throws, the answer is cut off, so its client knows that it is not whole.
   * Has to return `rest` at its end: that cancels the call if its client leaves.
   */
  write(stream: BegunStream, tools: StreamTools): AsyncGenerator<string>;
}

/** Waits for the first message or the end of a stream, so an error before it is the answer. */
export async function begin(stream: AsyncIterable<Message>): Promise<BegunStream> {
  const rest = stream[Symbol.asyncIterator]();
  return { first: await rest.next(), rest };
}

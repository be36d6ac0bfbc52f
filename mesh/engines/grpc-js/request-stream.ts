import type { Readable } from 'node:stream';

/**
 * The messages of a streamed request, read as fast as they are asked for: while nobody asks, the peer is held back by
 * flow control. Ends with an AbortError when the call ends first.
 */
export async function* readAll<Request>(
  raw: Readable & { readonly cancelled: boolean },
  decode: (bytes: Buffer) => Request,
): AsyncGenerator<Request, void, undefined> {
  try {
    // A handler may stop reading and still answer, for which grpc-js needs the stream.
    for await (const bytes of raw.iterator({ destroyOnReturn: false })) yield decode(bytes);
  } catch (error) {
    if (raw.cancelled) throw new DOMException('the call ended before its requests did', 'AbortError');
    throw error;
  }
}

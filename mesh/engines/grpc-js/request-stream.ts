import type { Readable } from 'node:stream';
import { isReset } from './tuned-server.ts';

/**
 * The messages of a streamed request, read as fast as they are asked for: while nobody asks, the peer is held back by
 * flow control. Ends with an AbortError when the call ends before the requests do.
 */
export async function* readAll<Request>(
  raw: Readable & { readonly cancelled: boolean },
  decode: (bytes: Buffer) => Request,
): AsyncGenerator<Request, void, undefined> {
  try {
    // A handler may stop reading and still answer, for which grpc-js needs the stream.
    for await (const bytes of raw.iterator({ destroyOnReturn: false })) yield decode(bytes);
  } catch (error) {
    throw raw.cancelled ? callEnded() : error;
  }
  // To grpc-js, a stream that was reset looks at first like one that has sent everything.
  if (isReset(raw)) throw callEnded();
}

function callEnded(): DOMException {
  return new DOMException('the call ended before its requests did', 'AbortError');
}

import type { Readable } from 'node:stream';
import { isReset } from './tuned-server.ts';

/**
 * The messages of a streamed request, read as fast as they are requested; flow control stops the peer meanwhile. Throws an
 * AbortError if the call ends before the requests do.
 */
export async function* readAll<Request>(
  raw: Readable & { readonly cancelled: boolean },
  decode: (bytes: Buffer) => Request,
): AsyncGenerator<Request, void, undefined> {
  try {
    // A handler may stop reading and still respond, and grpc-js needs the stream for that.
    for await (const bytes of raw.iterator({ destroyOnReturn: false })) yield decode(bytes);
  } catch (error) {
    throw raw.cancelled ? callEnded() : error;
  }
  // In grpc-js, a stream that was reset looks at first like a complete one.
  if (isReset(raw)) throw callEnded();
}

function callEnded(): DOMException {
  return new DOMException('the call ended before its requests did', 'AbortError');
}

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { literalFields } from '../../../mesh/engines/native/http2/codec/literal-fields.ts';
import type { MessageHead } from '../../../mesh/engines/native/http2/codec/message-head.ts';
import { Http2Connection } from '../../../mesh/engines/native/http2/connection/connection.ts';
import type { Http2Stream, StreamEvents } from '../../../mesh/engines/native/http2/streams/stream.ts';

/** How a server's connection handled its input. */
export interface Recording {
  /** Its events in order, as lines of text. */
  readonly events: readonly string[];
  /** The bytes it sent. */
  readonly sent: Buffer;
  /** Whether it closed itself after the input. */
  readonly ended: boolean;
}

const settings = {
  role: 'server',
  maxConcurrentStreams: 20,
  maxHeaderListBytes: 16 * 1024,
  streamWindowBytes: 64 * 1024,
  connectionWindowBytes: 128 * 1024,
} as const;
const responseHeader = literalFields([':status', '200']);
const trailers = literalFields(['grpc-status', '0']);

/** A fake socket: records writes, and delivers bytes passed to `emit`. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {
    // Bytes are delivered directly by `emit`.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    done();
  }

  setNoDelay(): this {
    return this;
  }
}

/**
 * Delivers pieces to a connection within one turn of the event loop, then closes the socket after the responses. The handler
 * echoes its input.
 */
export async function recordConnection(pieces: Iterable<Buffer>): Promise<Recording> {
  const wire = new Wire();
  const events: string[] = [];
  const connection = new Http2Connection(wire as unknown as Socket, settings, {
    request: (stream, head) => echo(stream, head, (event) => events.push(event)),
    goaway: (lastStreamId, code) => events.push(`goaway ${lastStreamId} ${code}`),
    settings: () => events.push('settings'),
    streamClosed: () => events.push('stream closed'),
    closed: (error) => events.push(`closed: ${error?.message}`),
  });
  for (const piece of pieces) wire.emit('data', piece);
  await nextTurn();
  const ended = connection.closed;
  await nextTurn();
  wire.destroy();
  await nextTurn();
  return { events, sent: Buffer.concat(wire.written), ended };
}

function echo(stream: Http2Stream, { list }: MessageHead, note: (event: string) => void): StreamEvents {
  note(`request ${stream.id} ${list.fields.join(' ')}`);
  stream.sendHeaders(responseHeader);
  return {
    data(buffer, start, end) {
      note(`data ${stream.id} ${buffer.toString('hex', start, end)}`);
      stream.write(Buffer.from(buffer.subarray(start, end)));
      stream.consumed(end - start);
    },
    ended(list) {
      note(`ended ${stream.id} ${list?.fields.join(' ')}`);
      stream.end(trailers);
    },
    aborted: (code) => note(`aborted ${stream.id} ${code}`),
    writable: () => note(`writable ${stream.id}`),
  };
}

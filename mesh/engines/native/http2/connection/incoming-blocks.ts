import { ErrorCode, StreamError } from '../codec/frames.ts';
import { type MessageHead, requestHeadOf, responseHeadOf, trailersHeadOf } from '../codec/message-head.ts';
import { createHpackDecoder, type HpackDecoder } from '../hpack/decoder.ts';
import type { HeaderList } from '../hpack/header-list.ts';
import type { FloodGuard } from '../streams/flood-guard.ts';
import type { Http2Stream } from '../streams/stream.ts';
import type { StreamTable } from '../streams/stream-table.ts';

const wrongLength = 'the body does not have its announced length';

/** Receives the messages that header blocks begin and end. */
export interface BlockReceiver {
  /** A request opens a new stream. Only at a server. */
  onRequest(streamId: number, head: MessageHead, endStream: boolean): void;
  /** The peer has ended its side of a stream. */
  onEnd(stream: Http2Stream, trailers: HeaderList | undefined): void;
}

/** Decodes header blocks and distinguishes requests, responses and trailers. */
export class IncomingBlocks {
  readonly #isServer: boolean;
  readonly #streams: StreamTable;
  readonly #guard: FloodGuard;
  readonly #receiver: BlockReceiver;
  readonly #decoder: HpackDecoder;

  constructor(
    { isServer, maxHeaderListBytes }: { readonly isServer: boolean; readonly maxHeaderListBytes: number },
    streams: StreamTable,
    guard: FloodGuard,
    receiver: BlockReceiver,
  ) {
    this.#isServer = isServer;
    this.#streams = streams;
    this.#guard = guard;
    this.#receiver = receiver;
    this.#decoder = createHpackDecoder({ maxHeaderListBytes });
  }

  /** Handles the block from `start` to `end`. Throws an HpackError or a ConnectionError. */
  take(streamId: number, buffer: Buffer, start: number, end: number, endStream: boolean): void {
    this.#guard.contentFrames += 1;
    // Decoded even for unknown streams, to keep the table in step with the peer's.
    const list = this.#decoder.decode(buffer, start, end);
    const stream = this.#streams.find(streamId);
    if (stream !== undefined) this.#further(stream, list, endStream);
    else if (this.#isServer && this.#streams.isIdle(streamId)) this.#begin(streamId, list, endStream);
    else this.#streams.strayFrame(streamId, 'HEADERS', 0);
  }

  #begin(streamId: number, list: HeaderList, endStream: boolean): void {
    this.#streams.begunByPeer(streamId);
    this.#guard.usefulFrame();
    this.#receiver.onRequest(streamId, requestHeadOf(list), endStream);
  }

  #further(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    if (stream.remoteEnded) this.#fault(stream, 'HEADERS after the end of the stream', ErrorCode.STREAM_CLOSED);
    else if (this.#isServer || stream.headed) this.#trailers(stream, list, endStream);
    else this.#response(stream, list, endStream);
  }

  #response(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    const { fault, informational, contentLength } = responseHeadOf(list);
    const hasTooLittle = endStream && (contentLength ?? 0) > 0;
    const problem =
      fault ??
      (informational && endStream ? 'an informational response ends the stream' : undefined) ??
      (hasTooLittle ? wrongLength : undefined);
    if (problem !== undefined) {
      this.#fault(stream, problem);
      return;
    }
    // Informational responses, such as 103, are ignored.
    if (informational) return;
    stream.headed = true;
    stream.expectedBytes = contentLength;
    stream.remoteEnded = endStream;
    stream.events?.headers?.(list);
    if (endStream) this.#receiver.onEnd(stream, undefined);
  }

  #trailers(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    const hasTooLittle = (stream.expectedBytes ?? 0) > 0;
    const fault =
      trailersHeadOf(list).fault ??
      (endStream ? undefined : 'trailers do not end the stream') ??
      (hasTooLittle ? wrongLength : undefined);
    if (fault !== undefined) {
      this.#fault(stream, fault);
      return;
    }
    stream.remoteEnded = true;
    this.#receiver.onEnd(stream, list);
  }

  #fault(stream: Http2Stream, text: string, code: ErrorCode = ErrorCode.PROTOCOL_ERROR): void {
    this.#streams.fault(stream, new StreamError(code, text));
  }
}

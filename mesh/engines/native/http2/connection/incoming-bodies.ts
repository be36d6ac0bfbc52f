import { ErrorCode, StreamError } from '../codec/frames.ts';
import type { FloodGuard } from '../streams/flood-guard.ts';
import type { ReceiveFlow } from '../streams/receive-flow.ts';
import type { Http2Stream } from '../streams/stream.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { BlockReceiver } from './incoming-blocks.ts';

/** Receives the DATA of all streams, checks it against the windows and the announced length, and delivers it. */
export class IncomingBodies {
  readonly #streams: StreamTable;
  readonly #receiving: ReceiveFlow;
  readonly #guard: FloodGuard;
  readonly #receiver: Pick<BlockReceiver, 'onEnd'>;

  constructor(streams: StreamTable, receiving: ReceiveFlow, guard: FloodGuard, receiver: Pick<BlockReceiver, 'onEnd'>) {
    this.#streams = streams;
    this.#receiving = receiving;
    this.#guard = guard;
    this.#receiver = receiver;
  }

  /** Handles a piece from `start` to `end`. With its padding it takes `frameBytes` of the windows. */
  take(streamId: number, buffer: Buffer, start: number, end: number, frameBytes: number, endStream: boolean): void {
    this.#receiving.take(frameBytes);
    this.#guard.contentFrames += 1;
    const stream = this.#streams.find(streamId);
    if (stream === undefined) {
      this.#receiving.giveBack(frameBytes);
      this.#streams.strayFrame(streamId, 'DATA', frameBytes);
      return;
    }
    if (end > start || endStream) this.#guard.usefulFrame();
    else this.#guard.idleFrame();
    const fault = faultOf(stream, end - start, frameBytes, endStream);
    if (fault !== undefined) {
      this.#receiving.giveBack(frameBytes);
      this.#streams.fault(stream, fault);
      return;
    }
    this.#receiving.hold(stream, frameBytes);
    // Before the handler, so it can answer and complete the stream.
    stream.remoteEnded = endStream;
    if (end > start) stream.events?.data(buffer, start, end);
    const paddingBytes = frameBytes - (end - start);
    if (paddingBytes > 0) this.#receiving.consumed(stream, paddingBytes);
    if (endStream) this.#receiver.onEnd(stream, undefined);
  }
}

/** What is wrong with a piece. If nothing is, counts it. */
function faultOf(stream: Http2Stream, bytes: number, frameBytes: number, endStream: boolean): StreamError | undefined {
  if (stream.remoteEnded) return new StreamError(ErrorCode.STREAM_CLOSED, 'DATA after the end of the stream');
  if (!stream.headed) return new StreamError(ErrorCode.PROTOCOL_ERROR, 'DATA before HEADERS');
  if (!stream.receiving.take(frameBytes)) {
    return new StreamError(ErrorCode.FLOW_CONTROL_ERROR, 'the peer exceeded the window of the stream');
  }
  if (stream.expectedBytes === undefined) return undefined;
  stream.expectedBytes -= bytes;
  const isRight = endStream ? stream.expectedBytes === 0 : stream.expectedBytes >= 0;
  return isRight ? undefined : new StreamError(ErrorCode.PROTOCOL_ERROR, 'the body does not have its announced length');
}

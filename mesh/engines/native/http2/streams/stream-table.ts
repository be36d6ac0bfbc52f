import {
  ConnectionError,
  ErrorCode,
  FrameType,
  flowError,
  maxStreamId,
  protocolError,
  type StreamError,
} from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { Http2Stream } from './stream.ts';

// How many of the streams that this side reset are remembered: frames that the peer sent before it knew are not a fault.
const maxRememberedResets = 1_000;

/** The streams of a connection: the open ones, what is known of closed ones, and how to end one early. */
export class StreamTable {
  readonly #isServer: boolean;
  readonly #output: Output;
  readonly #guard: FloodGuard;
  readonly #onRemoved: (stream: Http2Stream) => void;
  readonly #open = new Map<number, Http2Stream>();
  /** How much the peer may have sent on a stream before it knew that this side reset it. */
  readonly #resets = new Map<number, number>();
  /** The last stream that this side reset and no longer remembers. */
  #forgottenId = 0;
  #lastPeerId = 0;
  #begunByPeer = 0;
  #nextId = 1;

  constructor(isServer: boolean, output: Output, guard: FloodGuard, onRemoved: (stream: Http2Stream) => void) {
    this.#isServer = isServer;
    this.#output = output;
    this.#guard = guard;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The last stream that the peer opened; 0: none. */
  get lastPeerId(): number {
    return this.#lastPeerId;
  }

  /** Whether the ids for streams of this side are used up. */
  get exhausted(): boolean {
    return this.#nextId >= maxStreamId;
  }

  /** How many streams the peer has opened. */
  get begunCount(): number {
    return this.#begunByPeer;
  }

  find(streamId: number): Http2Stream | undefined {
    return this.#open.get(streamId);
  }

  /** A copy of the open streams, which may end meanwhile. */
  all(): Http2Stream[] {
    return [...this.#open.values()];
  }

  /** The open streams without a copy, for callers that end none of them. */
  values(): Iterable<Http2Stream> {
    return this.#open.values();
  }

  /** The id for the next stream of this side. */
  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** Called when the peer opens a stream. */
  begunByPeer(streamId: number): void {
    if (streamId % 2 === 0) throw protocolError('a client opened a stream with an even id');
    this.#lastPeerId = streamId;
    this.#begunByPeer += 1;
  }

  /** Whether no stream with this id was opened yet. */
  isIdle(streamId: number): boolean {
    const isOurs = streamId % 2 === (this.#isServer ? 0 : 1);
    return isOurs ? this.#isServer || streamId >= this.#nextId : streamId > this.#lastPeerId;
  }

  /** Called when both sides have ended a stream or the peer has reset it. */
  remove(stream: Http2Stream): void {
    stream.drop();
    this.#open.delete(stream.id);
    this.#onRemoved(stream);
  }

  /** Ends both sides of a stream. */
  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#remember(stream.id, stream.receiving.left);
    this.#output.numberFrame(FrameType.RST_STREAM, stream.id, code);
    this.remove(stream);
  }

  /** Ends a stream because of a fault of the peer. */
  fault(stream: Http2Stream, { code }: StreamError): void {
    this.#guard.streamFaulted();
    const { events } = stream;
    this.reset(stream, code);
    events?.aborted(code);
  }

  cancelAll(): void {
    for (const stream of this.all()) {
      const { events } = stream;
      this.reset(stream, ErrorCode.CANCEL);
      events?.aborted(ErrorCode.CANCEL);
    }
  }

  /** Refuses a stream that the peer has just opened with this window. */
  refuse(streamId: number, windowBytes: number): void {
    this.#guard.streamReset();
    this.#remember(streamId, windowBytes);
    this.#output.numberFrame(FrameType.RST_STREAM, streamId, ErrorCode.REFUSED_STREAM);
  }

  /** Called for a frame of a stream that is not open. It was in flight when this side reset the stream, or it is a fault. */
  strayFrame(streamId: number, what: string, bytes: number): void {
    if (this.isIdle(streamId)) throw protocolError(`${what} on a stream that was not opened`);
    const left = this.#resets.get(streamId);
    if (left === undefined && (!this.#isServer || streamId <= this.#forgottenId)) {
      this.#guard.idleFrame();
      return;
    }
    if (left === undefined) throw new ConnectionError(ErrorCode.STREAM_CLOSED, `${what} on a closed stream`);
    if (bytes > left) throw flowError(`${what} beyond the window of a stream that was reset`);
    this.#resets.set(streamId, left - bytes);
    if (bytes === 0) this.#guard.idleFrame();
  }

  /** Removes all streams when the connection has ended. */
  clear(): Http2Stream[] {
    const streams = this.all();
    this.#open.clear();
    for (const stream of streams) stream.drop();
    return streams;
  }

  #remember(streamId: number, windowBytes: number): void {
    this.#resets.set(streamId, windowBytes);
    if (this.#resets.size <= maxRememberedResets) return;
    const [oldest] = this.#resets.keys();
    if (oldest === undefined) return;
    this.#resets.delete(oldest);
    this.#forgottenId = Math.max(this.#forgottenId, oldest);
  }
}

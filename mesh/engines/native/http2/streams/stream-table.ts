import {
  ConnectionError,
  ErrorCode,
  FrameType,
  flowError,
  greatestStreamId,
  protocolError,
  type StreamError,
} from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { Http2Stream } from './stream.ts';

// How many streams are remembered that we reset: what their peer sent before it heard of that is no fault.
const rememberedResets = 1_000;

/** The streams of a connection: those that are open, what is known of those that were, and how they end before their time. */
export class StreamTable {
  readonly #isServer: boolean;
  readonly #output: Output;
  readonly #guard: FloodGuard;
  readonly #onRemoved: (stream: Http2Stream) => void;
  readonly #open = new Map<number, Http2Stream>();
  /** How much the peer may have sent of a stream before it heard that we reset it. */
  readonly #resets = new Map<number, number>();
  /** The last stream that we have reset and do not remember any more. */
  #forgottenId = 0;
  #lastPeerId = 0;
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

  /** The last stream that the peer has opened; 0: none. */
  get lastPeerId(): number {
    return this.#lastPeerId;
  }

  /** Whether all numbers of our streams are used up. */
  get exhausted(): boolean {
    return this.#nextId >= greatestStreamId;
  }

  find(streamId: number): Http2Stream | undefined {
    return this.#open.get(streamId);
  }

  /** Those that are open now; they may end meanwhile. */
  all(): Http2Stream[] {
    return [...this.#open.values()];
  }

  /** The same without a copy, for those who end none of them. */
  values(): Iterable<Http2Stream> {
    return this.#open.values();
  }

  /** The number for the next stream of ours. */
  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** Notes that the peer opens a stream. */
  begunByPeer(streamId: number): void {
    if (streamId % 2 === 0) throw protocolError('a client opens a stream with an even number');
    this.#lastPeerId = streamId;
  }

  /** Whether nobody has opened a stream of this number yet. */
  isIdle(streamId: number): boolean {
    const isOurs = streamId % 2 === (this.#isServer ? 0 : 1);
    return isOurs ? this.#isServer || streamId >= this.#nextId : streamId > this.#lastPeerId;
  }

  /** Both sides have ended it, or the peer has reset it. */
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

  /** Ends a stream for a fault of the peer. */
  fault(stream: Http2Stream, { code }: StreamError): void {
    this.#guard.streamFaulted();
    const { events } = stream;
    this.reset(stream, code);
    events?.aborted(code);
  }

  /** Takes no stream of this number, which the peer has just opened with this window. */
  refuse(streamId: number, windowBytes: number): void {
    this.#guard.streamReset();
    this.#remember(streamId, windowBytes);
    this.#output.numberFrame(FrameType.RST_STREAM, streamId, ErrorCode.REFUSED_STREAM);
  }

  /** A frame of a stream that is not open: it was under way when we reset it, or it is a fault. A client does not mind. */
  strayFrame(streamId: number, what: string, bytes: number): void {
    if (this.isIdle(streamId)) throw protocolError(`${what} on a stream that was not opened`);
    const left = this.#resets.get(streamId);
    if (left === undefined && (!this.#isServer || streamId <= this.#forgottenId)) {
      this.#guard.idleFrame();
      return;
    }
    if (left === undefined) throw new ConnectionError(ErrorCode.STREAM_CLOSED, `${what} on a stream that is closed`);
    if (bytes > left) throw flowError(`${what} beyond the window of a stream that was reset`);
    this.#resets.set(streamId, left - bytes);
    if (bytes === 0) this.#guard.idleFrame();
  }

  /** Forgets all of them, when the connection is over. */
  clear(): Http2Stream[] {
    const streams = this.all();
    this.#open.clear();
    for (const stream of streams) stream.drop();
    return streams;
  }

  #remember(streamId: number, windowBytes: number): void {
    this.#resets.set(streamId, windowBytes);
    if (this.#resets.size <= rememberedResets) return;
    const [oldest] = this.#resets.keys();
    if (oldest === undefined) return;
    this.#resets.delete(oldest);
    this.#forgottenId = Math.max(this.#forgottenId, oldest);
  }
}

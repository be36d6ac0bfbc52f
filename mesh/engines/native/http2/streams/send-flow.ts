import { defaultWindowBytes, ErrorCode, flowError, greatestWindowBytes, StreamError } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { PeerSettings } from '../codec/settings.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/** What may be sent, and which streams wait for it: the windows that the peer gives us. */
export class SendFlow {
  readonly #output: Output;
  readonly #peer: PeerSettings;
  readonly #streams: StreamTable;
  /** Those that have something for the end of this turn. */
  #dirty: Http2Stream[] = [];
  /** Those that wait for a window. */
  readonly #blocked = new Set<Http2Stream>();
  #window = defaultWindowBytes;
  #queuedBytes = 0;
  #roomScheduled = false;

  constructor(output: Output, peer: PeerSettings, streams: StreamTable) {
    this.#output = output;
    this.#peer = peer;
    this.#streams = streams;
  }

  /** How much of a stream may go into its next frame. */
  sendable(streamWindow: number): number {
    return Math.min(streamWindow, this.#window, this.#peer.maxFrameBytes);
  }

  /** What all streams have to send. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Notes bytes that a stream has to send. */
  queue(bytes: number): void {
    this.#queuedBytes += bytes;
  }

  /** Takes what is sent off the window. */
  spend(bytes: number): void {
    this.#window -= bytes;
    this.#queuedBytes -= bytes;
  }

  markDirty(stream: Http2Stream): void {
    if (stream.dirty) return;
    stream.dirty = true;
    this.#dirty.push(stream);
    this.#output.schedule();
  }

  markBlocked(stream: Http2Stream): void {
    stream.blockedMs ||= performance.now();
    this.#blocked.add(stream);
  }

  /** The streams that have all they will ever send, and of which nothing could be sent since `sinceMs`. */
  stuckSince(sinceMs: number): Http2Stream[] {
    return [...this.#blocked].filter((stream) => stream.ending && stream.blockedMs < sinceMs);
  }

  /** A stream has ended. */
  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  /** Sends for all that have something. */
  pumpDirty(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const stream of dirty) this.#pump(stream);
  }

  /** The peer takes so much more in all. */
  grow(bytes: number): void {
    this.#window += bytes;
    if (this.#window > greatestWindowBytes) throw flowError('the window of the connection is beyond 2^31');
    this.#pumpBlocked();
  }

  /** The peer takes so much more of a stream. */
  growStream(stream: Http2Stream, bytes: number): void {
    stream.sendWindow += bytes;
    if (stream.sendWindow > greatestWindowBytes) {
      this.#streams.fault(stream, new StreamError(ErrorCode.FLOW_CONTROL_ERROR, 'its window is beyond 2^31'));
      return;
    }
    if (this.#blocked.delete(stream)) this.#pump(stream);
  }

  /** The peer has changed the window of all streams, by so much. */
  shiftAll(bytes: number): void {
    if (bytes === 0) return;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += bytes;
      if (stream.sendWindow > greatestWindowBytes) throw flowError('a window grows beyond 2^31 by SETTINGS');
    }
    this.#pumpBlocked();
  }

  /** Tells those who waited for it that there is room to write. */
  offerRoom(): void {
    this.#roomScheduled = false;
    if (this.#output.congested) return;
    for (const stream of this.#streams.values()) {
      if (!stream.wantsRoom || !stream.hasRoom) continue;
      stream.wantsRoom = false;
      stream.events?.writable();
    }
  }

  /** In turn, so that no stream has to wait for all of another. */
  #pumpBlocked(): void {
    for (const stream of [...this.#blocked]) {
      if (this.#window <= 0) return;
      this.#blocked.delete(stream);
      this.#pump(stream);
    }
  }

  #pump(stream: Http2Stream): void {
    stream.pump();
    this.#output.schedule();
    if (!stream.wantsRoom || this.#roomScheduled) return;
    this.#roomScheduled = true;
    // In another turn: a writer that always has something would keep everyone else out.
    setImmediate(() => this.offerRoom());
  }
}

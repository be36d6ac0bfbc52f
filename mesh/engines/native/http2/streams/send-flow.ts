import { defaultWindowBytes, ErrorCode, flowError, maxWindowBytes, StreamError } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { PeerSettings } from '../codec/settings.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/** The windows that the peer gives this side, and the streams that wait for them. */
export class SendFlow {
  readonly #output: Output;
  readonly #peer: PeerSettings;
  readonly #streams: StreamTable;
  /** The streams that have something to send at the end of this turn. */
  #dirty: Http2Stream[] = [];
  /** The streams that wait for a window. */
  readonly #blocked = new Set<Http2Stream>();
  #window = defaultWindowBytes;
  #queuedBytes = 0;
  #roomScheduled = false;

  constructor(output: Output, peer: PeerSettings, streams: StreamTable) {
    this.#output = output;
    this.#peer = peer;
    this.#streams = streams;
  }

  /** How many bytes the next frame of a stream with this window may have. */
  sendable(streamWindow: number): number {
    return Math.min(streamWindow, this.#window, this.#peer.maxFrameBytes);
  }

  /** The bytes that all streams have to send. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Counts bytes that a stream has to send. */
  queue(bytes: number): void {
    this.#queuedBytes += bytes;
  }

  /** Subtracts sent bytes from the window. */
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

  /** The complete streams of which nothing could be sent since `sinceMs`, or that expired before `nowMs`. */
  stuckSince(sinceMs: number, nowMs: number): Http2Stream[] {
    return [...this.#blocked].filter(
      ({ ending, blockedMs, expiresMs }) => ending && (blockedMs < sinceMs || expiresMs < nowMs),
    );
  }

  /** Called when a stream has ended. */
  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  /** Sends for all dirty streams. */
  pumpDirty(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const stream of dirty) this.#pump(stream);
  }

  /** Grows the window of the connection. */
  grow(bytes: number): void {
    this.#window += bytes;
    if (this.#window > maxWindowBytes) throw flowError('the window of the connection exceeds 2^31-1');
    this.#pumpBlocked();
  }

  /** Grows the window of a stream. */
  growStream(stream: Http2Stream, bytes: number): void {
    stream.sendWindow += bytes;
    if (stream.sendWindow > maxWindowBytes) {
      this.#streams.fault(stream, new StreamError(ErrorCode.FLOW_CONTROL_ERROR, 'its window exceeds 2^31-1'));
      return;
    }
    if (this.#blocked.delete(stream)) this.#pump(stream);
  }

  /** Changes the window of all streams by this much, after a SETTINGS frame of the peer. */
  shiftAll(bytes: number): void {
    if (bytes === 0) return;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += bytes;
      if (stream.sendWindow > maxWindowBytes) throw flowError('SETTINGS grow a window beyond 2^31-1');
    }
    this.#pumpBlocked();
  }

  /** Notifies the streams that wait for room to write. */
  offerRoom(): void {
    this.#roomScheduled = false;
    if (this.#output.congested) return;
    for (const stream of this.#streams.values()) {
      if (!stream.wantsRoom || !stream.hasRoom) continue;
      stream.wantsRoom = false;
      stream.events?.writable();
    }
  }

  /** Sends in turn, so no stream has to wait for all of another. */
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
    // In another turn: a writer that always has something would block everything else.
    setImmediate(() => this.offerRoom());
  }
}

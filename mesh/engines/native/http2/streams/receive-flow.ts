import { defaultFrameBytes, defaultWindowBytes, FrameType, flowError } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import { SettingId, sendSettings } from '../codec/settings.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

// A window that is used up within a round trip doubles, up to this size.
const maxWindowBytes = 16 * 1024 * 1024;
const maxStreamWindowBytes = maxWindowBytes / 4;
// Received bytes that all streams of a connection may hold unprocessed. Above it the peer has to wait.
const maxHeldBytes = 32 * 1024 * 1024;
// Of these, bytes of incomplete messages. If the peer had to wait for these, none of them would ever be complete.
const maxPartialBytes = (maxHeldBytes / 4) * 3;

export interface ReceiveFlowParts {
  readonly output: Output;
  /** Sends a ping, and calls `answered` when the peer acknowledges it. */
  readonly ping: (answered: () => void) => void;
  readonly streams: StreamTable;
  readonly isServer: boolean;
  /** The initial window of streams. */
  readonly streamWindowBytes: number;
  /** Whether it never grows. */
  readonly fixedStreamWindows: boolean;
}

/** The windows that this side gives the peer. They grow while they are what limits the throughput. */
export class ReceiveFlow {
  readonly #output: Output;
  readonly #ping: ReceiveFlowParts['ping'];
  readonly #streams: StreamTable;
  readonly #isServer: boolean;
  readonly #maxStreamWindowBytes: number;
  readonly #window = new ReceiveWindow(defaultWindowBytes);
  #streamWindowBytes: number;
  #heldBytes = 0;
  #owedBytes = 0;
  /** The bytes that have arrived since a ping was sent. */
  #probe: { bytes: number } | undefined;

  constructor({ output, ping, streams, isServer, streamWindowBytes, fixedStreamWindows }: ReceiveFlowParts) {
    this.#output = output;
    this.#ping = ping;
    this.#streams = streams;
    this.#isServer = isServer;
    this.#streamWindowBytes = streamWindowBytes;
    this.#maxStreamWindowBytes = fixedStreamWindows ? streamWindowBytes : maxStreamWindowBytes;
  }

  /** The initial window of new streams. */
  get streamWindowBytes(): number {
    return this.#streamWindowBytes;
  }

  /** Subtracts a frame from the window of the connection. Throws a ConnectionError if the peer sent too much. */
  take(bytes: number): void {
    if (!this.#window.take(bytes)) throw flowError('the peer exceeded the window of the connection');
    this.#measure(bytes);
  }

  /**
   * Counts bytes that wait in a stream. The connection continues meanwhile, unless it is a server's and holds too much: at a
   * client, a caller that does not read one response must not block all others, and the windows of streams are limit enough.
   */
  hold(stream: Http2Stream, bytes: number): void {
    stream.heldBytes += bytes;
    this.#heldBytes += bytes;
    if (!this.#isServer || this.#heldBytes < maxHeldBytes) this.giveBack(bytes);
    else this.#owedBytes += bytes;
  }

  /** Counts bytes of a stream as processed. */
  consumed(stream: Http2Stream, bytes: number): void {
    this.release(stream, bytes);
    this.allow(stream, bytes);
  }

  /** Lets the peer send more bytes on a stream. Returns false if the streams of the connection hold too much for that. */
  allow(stream: Http2Stream, bytes: number): boolean {
    if (!stream.closed && !stream.remoteEnded) {
      const update = stream.receiving.free(bytes);
      if (update > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, stream.id, update);
    }
    return this.#heldBytes < maxPartialBytes;
  }

  /** Counts bytes of a stream as no longer held. */
  release(stream: Http2Stream, bytes: number): void {
    const released = Math.min(bytes, stream.heldBytes);
    stream.heldBytes -= released;
    this.#heldBytes -= released;
    if (this.#owedBytes === 0 || this.#heldBytes >= maxHeldBytes / 2) return;
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    this.giveBack(owed);
  }

  /** Lets the peer send more bytes on the connection. */
  giveBack(bytes: number): void {
    const update = this.#window.free(bytes);
    if (update > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, update);
  }

  /** Grows the window of the connection to this size. */
  growTo(bytes: number): void {
    const more = this.#window.growTo(bytes);
    if (more > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, more);
  }

  /** Measures with a ping whether the window limits the throughput, and doubles it if so. */
  #measure(bytes: number): void {
    if (this.#probe !== undefined) {
      this.#probe.bytes += bytes;
      return;
    }
    if (this.#window.bytes >= maxWindowBytes || bytes < defaultFrameBytes / 2) return;
    const probe = { bytes };
    this.#probe = probe;
    this.#ping(() => {
      this.#probe = undefined;
      if (probe.bytes * 3 < this.#window.bytes * 2) return;
      const grown = Math.min(2 * this.#window.bytes, maxWindowBytes);
      this.growTo(grown);
      this.#growStreams(Math.min(grown, this.#maxStreamWindowBytes));
    });
  }

  #growStreams(bytes: number): void {
    if (bytes <= this.#streamWindowBytes) return;
    this.#streamWindowBytes = bytes;
    sendSettings(this.#output, [[SettingId.INITIAL_WINDOW_SIZE, bytes]]);
    // The setting also changes the windows of open streams.
    for (const stream of this.#streams.values()) stream.receiving.growTo(bytes);
  }
}

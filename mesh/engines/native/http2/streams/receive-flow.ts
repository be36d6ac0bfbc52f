import { defaultFrameBytes, defaultWindowBytes, FrameType, flowError } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import { Setting, sendSettings } from '../codec/settings.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { Http2Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

// A window that is used up within a round trip is doubled up to this.
const greatestGrownBytes = 16 * 1024 * 1024;
const greatestStreamBytes = greatestGrownBytes / 4;
// What all streams of a connection may hold that nobody has dealt with; beyond it the peer has to wait.
const greatestHeldBytes = 32 * 1024 * 1024;
// What they may hold of messages that have not come whole: if they waited then, none of them ever would.
const greatestAheadBytes = (greatestHeldBytes / 4) * 3;

export interface ReceiveFlowParts {
  readonly output: Output;
  /** Sends a ping, and calls `answered` when the peer acknowledges it. */
  readonly ping: (answered: () => void) => void;
  readonly streams: StreamTable;
  readonly isServer: boolean;
  /** The window that streams begin with. */
  readonly streamWindowBytes: number;
}

/** What the peer may send: the windows that we give it. They grow while they are what limits the link. */
export class ReceiveFlow {
  readonly #output: Output;
  readonly #ping: ReceiveFlowParts['ping'];
  readonly #streams: StreamTable;
  readonly #isServer: boolean;
  readonly #window = new ReceiveWindow(defaultWindowBytes);
  #streamWindowBytes: number;
  #heldBytes = 0;
  #owedBytes = 0;
  /** What has come since a ping was sent. */
  #probe: { bytes: number } | undefined;

  constructor({ output, ping, streams, isServer, streamWindowBytes }: ReceiveFlowParts) {
    this.#output = output;
    this.#ping = ping;
    this.#streams = streams;
    this.#isServer = isServer;
    this.#streamWindowBytes = streamWindowBytes;
  }

  /** The window that new streams have. */
  get streamWindowBytes(): number {
    return this.#streamWindowBytes;
  }

  /** Takes a frame off the window of the connection. Throws a ConnectionError when the peer sent more than it might. */
  take(bytes: number): void {
    if (!this.#window.take(bytes)) throw flowError('the window of the connection is overrun');
    this.#measure(bytes);
  }

  /**
   * Notes bytes that wait in a stream. The connection goes on meanwhile, unless it is a server's and very much waits: at a client
   * who does not read one answer must not hold up all others, and the windows of its streams are bound enough.
   */
  hold(stream: Http2Stream, bytes: number): void {
    stream.heldBytes += bytes;
    this.#heldBytes += bytes;
    if (!this.#isServer || this.#heldBytes < greatestHeldBytes) this.giveBack(bytes);
    else this.#owedBytes += bytes;
  }

  /** Notes that bytes that waited in a stream are dealt with. */
  consumed(stream: Http2Stream, bytes: number): void {
    this.release(stream, bytes);
    this.allow(stream, bytes);
  }

  /** Lets the peer send so many bytes more of a stream. False when all streams of the connection hold too much for that. */
  allow(stream: Http2Stream, bytes: number): boolean {
    if (!stream.closed && !stream.remoteEnded) {
      const told = stream.receiving.free(bytes);
      if (told > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, stream.id, told);
    }
    return this.#heldBytes < greatestAheadBytes;
  }

  /** Notes that bytes of a stream are not held any more; at most all of them. */
  release(stream: Http2Stream, bytes: number): void {
    const released = Math.min(bytes, stream.heldBytes);
    stream.heldBytes -= released;
    this.#heldBytes -= released;
    if (this.#owedBytes === 0 || this.#heldBytes >= greatestHeldBytes / 2) return;
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    this.giveBack(owed);
  }

  /** Lets the peer send so many bytes more on the connection. */
  giveBack(bytes: number): void {
    const told = this.#window.free(bytes);
    if (told > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, told);
  }

  /** Makes the window of the connection so large. */
  growTo(bytes: number): void {
    const more = this.#window.growTo(bytes);
    if (more > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, more);
  }

  /** Finds out by a ping whether the window is what limits the link, and doubles it then. */
  #measure(bytes: number): void {
    if (this.#probe !== undefined) {
      this.#probe.bytes += bytes;
      return;
    }
    if (this.#window.bytes >= greatestGrownBytes || bytes < defaultFrameBytes / 2) return;
    const probe = { bytes };
    this.#probe = probe;
    this.#ping(() => {
      this.#probe = undefined;
      if (probe.bytes * 3 < this.#window.bytes * 2) return;
      const grown = Math.min(2 * this.#window.bytes, greatestGrownBytes);
      this.growTo(grown);
      this.#growStreams(Math.min(grown, greatestStreamBytes));
    });
  }

  #growStreams(bytes: number): void {
    if (bytes <= this.#streamWindowBytes) return;
    this.#streamWindowBytes = bytes;
    sendSettings(this.#output, [[Setting.INITIAL_WINDOW_SIZE, bytes]]);
    // The setting changes the windows of streams that are open too.
    for (const stream of this.#streams.values()) stream.receiving.growTo(bytes);
  }
}

import { ErrorCode, FrameType, greatestStreamId } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { Pings } from './pings.ts';

export interface ShutdownParts {
  readonly isServer: boolean;
  readonly output: Output;
  readonly pings: Pings;
  readonly streams: StreamTable;
  /** Ends the connection: nothing is under way any more. */
  readonly end: () => void;
}

/**
 * The end of a connection in two steps: no new streams are taken, which GOAWAY says, and after a round trip, in which those
 * may come that were under way, a second one says which was the last. It ends when its streams have.
 */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #begun = false;
  #lastTaken = greatestStreamId;
  /** Whether streams that were under way may still come. */
  #isOpen = false;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Whether a stream that the peer opens is still taken. */
  takes(streamId: number): boolean {
    return streamId <= this.#lastTaken;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { isServer, output, pings, streams } = this.#parts;
    if (!isServer) {
      this.check();
      return;
    }
    this.#isOpen = true;
    sendGoaway(output, greatestStreamId, ErrorCode.NO_ERROR, '');
    pings.send(() => {
      this.#isOpen = false;
      this.#lastTaken = streams.lastPeerId;
      sendGoaway(output, streams.lastPeerId, ErrorCode.NO_ERROR, '');
      this.check();
    });
  }

  /** The peer has begun it: no streams of ours are taken any more. */
  beginByPeer(): void {
    this.#begun = true;
  }

  /** To be called when a stream has ended. */
  check(): void {
    if (this.#begun && !this.#isOpen && this.#parts.streams.size === 0) this.#parts.end();
  }
}

/** Sends GOAWAY; `text` is for whoever looks for the fault at the peer. */
export function sendGoaway(output: Output, lastStreamId: number, code: ErrorCode, text: string): void {
  const debug = Buffer.from(text);
  output.header(8 + debug.length, FrameType.GOAWAY, 0, 0);
  output.uint32(lastStreamId);
  output.uint32(code);
  output.bytes(debug);
  output.schedule();
}

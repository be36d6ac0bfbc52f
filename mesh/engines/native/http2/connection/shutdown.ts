import { ErrorCode, FrameType, maxStreamId } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { Pings } from './pings.ts';

export interface ShutdownParts {
  readonly isServer: boolean;
  readonly output: Output;
  readonly pings: Pings;
  readonly streams: StreamTable;
  /** Ends the connection, once its streams have ended. */
  readonly end: () => void;
}

/**
 * The graceful end of a connection (RFC 9113 section 6.8). A first GOAWAY announces it. After a round trip, in which streams
 * that were in flight may arrive, a second one names the last accepted stream. The connection ends when its streams have.
 */
export class ConnectionShutdown {
  readonly #parts: ShutdownParts;
  #begun = false;
  #lastAccepted = maxStreamId;
  /** Whether streams that were in flight may still arrive. */
  #isOpen = false;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Whether a stream that the peer opens is still accepted. */
  accepts(streamId: number): boolean {
    return streamId <= this.#lastAccepted;
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
    sendGoaway(output, maxStreamId, ErrorCode.NO_ERROR, '');
    pings.send(() => {
      if (this.#isOpen) this.#acceptNoMore(streams.lastPeerId);
    });
  }

  /** For a server: begins it, and accepts no stream from now on, whether the peer agrees or not. */
  beginAtOnce(): void {
    const wasOpen = this.#isOpen || !this.#begun;
    this.#begun = true;
    if (wasOpen) this.#acceptNoMore(this.#parts.streams.lastPeerId);
  }

  #acceptNoMore(lastStreamId: number): void {
    this.#isOpen = false;
    this.#lastAccepted = lastStreamId;
    sendGoaway(this.#parts.output, lastStreamId, ErrorCode.NO_ERROR, '');
    this.check();
  }

  /** The peer has begun it, so it accepts no streams after this one. */
  beginByPeer(lastStreamId: number): void {
    const { isServer, streams } = this.#parts;
    // A server opens no streams.
    if (isServer) return;
    this.#begun = true;
    for (const stream of streams.all()) {
      if (stream.id <= lastStreamId) continue;
      streams.remove(stream);
      stream.events?.aborted(ErrorCode.REFUSED_STREAM);
    }
  }

  /** Called when a stream has ended. */
  check(): void {
    if (this.#begun && !this.#isOpen && this.#parts.streams.size === 0) this.#parts.end();
  }
}

/** Sends GOAWAY. `text` helps whoever debugs the peer. */
export function sendGoaway(output: Output, lastStreamId: number, code: ErrorCode, text: string): void {
  const debug = Buffer.from(text);
  output.header(8 + debug.length, FrameType.GOAWAY, 0, 0);
  output.uint32(lastStreamId);
  output.uint32(code);
  output.bytes(debug);
  output.schedule();
}

import type { ErrorCode } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { PeerSettings } from '../codec/settings.ts';
import type { HeaderList } from '../hpack/header-list.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendQueue } from './send-queue.ts';

/** What a stream needs of its connection. */
export interface StreamCarrier {
  readonly output: Pick<Output, 'congested' | 'schedule'>;
  readonly peer: Pick<PeerSettings, 'maxHeaderListBytes'>;
  readonly sending: {
    /** Counts bytes that are to be sent, or with a negative number no longer; `beginData` subtracts those that it sends. */
    queue(bytes: number): void;
    /** How many bytes the next frame of a stream with this window may have. */
    sendable(streamWindow: number): number;
    markDirty(stream: Http2Stream): void;
    markBlocked(stream: Http2Stream): void;
  };
  readonly receiving: {
    consumed(stream: Http2Stream, bytes: number): void;
    allow(stream: Http2Stream, bytes: number): boolean;
    release(stream: Http2Stream, bytes: number): void;
  };
  sendBlock(streamId: number, block: Uint8Array, endStream: boolean): void;
  /** Begins a DATA frame. `isCut`: the window is too small for all that waits. */
  beginData(streamId: number, bytes: number, endStream: boolean, isCut: boolean): void;
  /** Sends bytes of the frame that `beginData` began. */
  readonly sendBytes: (bytes: Uint8Array) => void;
  /** Called when one side of a stream has ended. */
  sideEnded(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: ErrorCode): void;
}

/** Receives what happens on a stream. An exception ends the connection, so it must not throw for what a peer can cause. */
export interface StreamEvents {
  /** The fields of a response. Only at a client. */
  headers?(list: HeaderList): void;
  /**
   * A piece of the body, which never changes: it may be kept, and keeps the chunk of the socket that it is part of. Its bytes
   * are given back with `consumed`.
   */
  data(buffer: Buffer, start: number, end: number): void;
  /** The peer has sent everything, with or without trailers. */
  ended(trailers: HeaderList | undefined): void;
  /** The stream ended early: the peer reset it, or the connection is lost. */
  aborted(code: ErrorCode): void;
  /** There is room again, after `write` returned false. */
  writable(): void;
}

// With more unsent bytes writers should wait. One turn of the event loop sends this much of a stream.
const roomBytes = 64 * 1024;

/** One stream of a connection. What it has to send waits here for windows. */
export class Http2Stream {
  readonly id: number;
  readonly receiving: ReceiveWindow;
  readonly #connection: StreamCarrier;
  events: StreamEvents | undefined;
  /** How much the peer accepts. */
  sendWindow: number;
  /** Bytes that have arrived and are not `consumed` yet. Maintained by the connection. */
  heldBytes = 0;
  /** Bytes of the body that the peer announced and has not sent; `undefined`: it announced none. */
  expectedBytes: number | undefined;
  /** Whether the fields of a final response, or of a request, were sent. */
  answered = false;
  /** Whether the fields of the request or of the final response have arrived. */
  headed = false;
  remoteEnded = false;
  localEnded = false;
  closed = false;
  /** Whether the connection sends for it at the end of the turn. */
  dirty = false;
  /** Since when it is blocked by a window, by `performance.now`; 0: it is not. */
  blockedMs = 0;
  /** When what is left of a complete response is worthless, by `performance.now`. */
  expiresMs = Number.POSITIVE_INFINITY;
  /** Whether to call `writable` when there is room. */
  wantsRoom = false;

  readonly #queue = new SendQueue();
  #ending = false;
  #trailers: Buffer | undefined;

  constructor(connection: StreamCarrier, id: number, sendWindow: number, receiveWindow: number) {
    this.#connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiving = new ReceiveWindow(receiveWindow);
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Whether nothing further will be written. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Whether there is room to write more. */
  get hasRoom(): boolean {
    return this.#queue.bytes < roomBytes && !this.#connection.output.congested;
  }

  /** The maximum size of the fields of one block that the peer accepts, by `listBytes`. Default: infinite. */
  get maxHeaderListBytes(): number {
    return this.#connection.peer.maxHeaderListBytes;
  }

  /** Sends an encoded header block immediately. */
  sendHeaders(block: Uint8Array, endStream = false): void {
    if (this.localEnded || this.closed) return;
    this.#connection.sendBlock(this.id, block, endStream);
    this.answered = true;
    if (endStream) this.#endLocal();
  }

  /** Sends an informational response, such as 100. It costs nothing, so the stream is not answered by it. */
  sendInformation(block: Uint8Array): void {
    if (!this.localEnded && !this.closed) this.#connection.sendBlock(this.id, block, false);
  }

  /**
   * Sends bytes of the body at the end of the turn, as windows allow. They must not change afterwards. Returns false if the
   * next write should wait for `writable`.
   */
  write(bytes: Uint8Array): boolean {
    if (this.localEnded || this.closed || this.#ending) return true;
    this.#queue.add(bytes);
    return this.#queued(bytes.length);
  }

  /** As `write`, with a prefix, which may change afterwards. Small messages are sent together. */
  writeWithPrefix(prefix: Uint8Array, bytes: Uint8Array): boolean {
    if (this.localEnded || this.closed || this.#ending) return true;
    this.#queue.addWithPrefix(prefix, bytes);
    return this.#queued(prefix.length + bytes.length);
  }

  /** Ends this side after what was written, with trailers if they are given. */
  end(trailers?: Buffer): void {
    if (this.localEnded || this.closed || this.#ending) return;
    this.#ending = true;
    this.#trailers = trailers;
    this.pump();
    this.#connection.output.schedule();
  }

  /** Ends this side with trailers immediately, and discards what windows still hold. */
  endNow(trailers: Buffer): void {
    this.end(trailers);
    if (this.localEnded || this.closed) return;
    this.#discard();
    this.pump();
  }

  /** Ends both sides immediately. */
  reset(code: ErrorCode): void {
    if (!this.closed) this.#connection.reset(this, code);
  }

  /** Counts bytes as processed and lets the peer send as many more. */
  consumed(bytes: number): void {
    this.#connection.receiving.consumed(this, bytes);
  }

  /**
   * Lets the peer send as many more bytes, while the received ones are held until `release`. Returns false if the streams of
   * the connection hold so much that this stream should be ended.
   */
  allow(bytes: number): boolean {
    return this.#connection.receiving.allow(this, bytes);
  }

  /** Counts bytes as no longer held. */
  release(bytes: number): void {
    this.#connection.receiving.release(this, bytes);
  }

  /** Sends what the windows allow now. */
  pump(): void {
    this.dirty = false;
    if (this.closed || this.localEnded) return;
    const queue = this.#queue;
    while (queue.bytes > 0) {
      const bytes = Math.min(queue.bytes, this.#connection.sending.sendable(this.sendWindow));
      if (bytes <= 0) {
        this.#connection.sending.markBlocked(this);
        return;
      }
      const last = bytes === queue.bytes && this.#ending && this.#trailers === undefined;
      this.sendWindow -= bytes;
      this.blockedMs = 0;
      this.#connection.beginData(this.id, bytes, last, bytes < queue.bytes);
      queue.take(bytes, this.#connection.sendBytes);
      if (last) {
        this.#endLocal();
        return;
      }
    }
    if (!this.#ending) return;
    if (this.#trailers === undefined) this.#connection.beginData(this.id, 0, true, false);
    else this.#connection.sendBlock(this.id, this.#trailers, true);
    this.#endLocal();
  }

  /** Drops what waits to be sent, because the stream has ended. */
  drop(): void {
    this.closed = true;
    this.#discard();
  }

  #discard(): void {
    this.#connection.sending.queue(-this.#queue.bytes);
    this.#queue.clear();
  }

  #queued(bytes: number): boolean {
    this.#connection.sending.queue(bytes);
    this.#connection.sending.markDirty(this);
    if (this.hasRoom) return true;
    this.wantsRoom = true;
    return false;
  }

  #endLocal(): void {
    this.localEnded = true;
    this.#connection.sideEnded(this);
  }
}

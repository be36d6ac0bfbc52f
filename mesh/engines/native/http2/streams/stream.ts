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

/** What happens on a stream. What it throws ends the connection, so it must not throw for what a peer can cause. */
export interface StreamEvents {
  /** The fields of a response; only at a client. */
  headers?(list: HeaderList): void;
  /** A piece of the body, which is only valid during the call. Its bytes are given back with `consumed`. */
  data(buffer: Buffer, start: number, end: number): void;
  /** The peer has sent everything, perhaps with trailers. */
  ended(trailers: HeaderList | undefined): void;
  /** The stream is gone before both sides have ended it: the peer reset it, or the connection is lost. */
  aborted(code: ErrorCode): void;
  /** There is room again, after `write` said that there was none. */
  writable(): void;
}

// More than that unsent, and who writes should wait: what one turn of the event loop sends of a stream.
const roomBytes = 64 * 1024;

/** One stream of a connection: what it has to send waits here for windows. Made by the connection. */
export class Http2Stream {
  readonly id: number;
  readonly receiving: ReceiveWindow;
  readonly #connection: StreamCarrier;
  events: StreamEvents | undefined;
  /** How much the peer takes. */
  sendWindow: number;
  /** Bytes that have come and were not said to be `consumed`. Kept by the connection. */
  heldBytes = 0;
  /** Bytes of the body that the peer has announced and not sent; `undefined`: it announced nothing. */
  expectedBytes: number | undefined;
  /** Whether the fields of the response have come; only at a client. */
  headed = false;
  remoteEnded = false;
  localEnded = false;
  closed = false;
  /** Whether the connection is to send for it at the end of the turn. */
  dirty = false;
  /** Since when nothing of it could be sent for lack of a window, by `performance.now`; 0: it could. */
  blockedMs = 0;
  /** Whether it is to be told of room. */
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

  /** Whether everything has been written that ever will be. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Whether there is room to write more. */
  get hasRoom(): boolean {
    return this.#queue.bytes < roomBytes && !this.#connection.output.congested;
  }

  /** The most that the fields of one block may have for the peer, by `listBytes`; infinite when it says nothing. */
  get maxHeaderListBytes(): number {
    return this.#connection.peer.maxHeaderListBytes;
  }

  /** Sends an encoded header block at once; the body follows. */
  sendHeaders(block: Uint8Array, endStream = false): void {
    if (this.localEnded || this.closed) return;
    this.#connection.sendBlock(this.id, block, endStream);
    if (endStream) this.#endLocal();
  }

  /**
   * Sends bytes of the body at the end of the turn, as windows allow. They must not be changed afterwards. False when the
   * next should wait for `writable`.
   */
  write(bytes: Uint8Array): boolean {
    if (this.localEnded || this.closed || this.#ending) return true;
    this.#queue.add(bytes);
    return this.#queued(bytes.length);
  }

  /** The same of bytes behind a prefix, which may be changed afterwards. Small ones are sent together. */
  writeBehind(prefix: Uint8Array, bytes: Uint8Array): boolean {
    if (this.localEnded || this.closed || this.#ending) return true;
    this.#queue.addBehind(prefix, bytes);
    return this.#queued(prefix.length + bytes.length);
  }

  /** Ends this side behind what was written, with trailers when they are given. */
  end(trailers?: Buffer): void {
    if (this.localEnded || this.closed || this.#ending) return;
    this.#ending = true;
    this.#trailers = trailers;
    this.pump();
    this.#connection.output.schedule();
  }

  /** Ends both sides at once. */
  reset(code: ErrorCode): void {
    if (!this.closed) this.#connection.reset(this, code);
  }

  /** Lets the peer send so many bytes more, which are dealt with. */
  consumed(bytes: number): void {
    this.#connection.receiving.consumed(this, bytes);
  }

  /**
   * Lets the peer send so many bytes more, which are kept until `release`. False when so much is kept of all streams of the
   * connection that this one should be ended.
   */
  allow(bytes: number): boolean {
    return this.#connection.receiving.allow(this, bytes);
  }

  /** Says that bytes are not kept any more. */
  release(bytes: number): void {
    this.#connection.receiving.release(this, bytes);
  }

  /** Sends what windows allow now. */
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

  /** Forgets what waits: nothing of it can be sent any more. */
  drop(): void {
    this.closed = true;
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

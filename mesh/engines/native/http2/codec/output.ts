import type { Socket } from 'node:net';
import { FrameType, frameHeaderBytes } from './frames.ts';
import { LoopTurn } from './loop-turn.ts';

const scratchBytes = 64 * 1024;
// Shared by all connections, so an idle one has none.
const pool: Buffer[] = [];
const maxPooled = 64;
const loopTurn = new LoopTurn();
// Larger pieces go to the socket without a copy.
const largeBytes = 8 * 1024;
// With more unsent bytes the peer reads too slowly, and writers that can wait do.
const congestedBytes = 256 * 1024;

/**
 * Collects the frames of a connection and writes them together, when everything that is ready has been answered. What is ready
 * later in the same turn of the event loop is written at its end: a write to the socket costs as much as several calls.
 */
export class Output {
  readonly #socket: Socket;
  readonly #beforeFlush: () => void;
  #scratch: Buffer | undefined;
  #used = 0;
  #scheduled = false;
  #corked = false;
  #closed = false;
  /** The turn of the event loop in which it was flushed last. */
  #flushedTurn = 0;
  #writtenBytes = 0;
  /** Bytes of frames without flow control, since `#markBytes` were written. */
  #answerBytes = 0;
  #markBytes = 0;

  /** `beforeFlush` may add frames that were held back to be sent together. */
  constructor(socket: Socket, beforeFlush: () => void) {
    this.#socket = socket;
    this.#beforeFlush = beforeFlush;
  }

  /** Whether so much is unsent that writers should wait. */
  get congested(): boolean {
    return this.#socket.writableLength > congestedBytes;
  }

  /** Bytes that the system has not accepted yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.#used;
  }

  /** Whether more than `bytes` of frames without flow control were written and the system has accepted none of them. */
  hasUnread(bytes: number): boolean {
    if (this.#answerBytes <= bytes) return false;
    const takenBytes = this.#writtenBytes - this.#socket.writableLength;
    if (takenBytes < this.#markBytes) return true;
    this.#answerBytes = 0;
    this.#markBytes = this.#writtenBytes;
    return false;
  }

  /** Begins a frame. Its payload must follow, with `bytes` or `uint32`. */
  header(payloadBytes: number, type: number, flags: number, streamId: number): void {
    if (type !== FrameType.DATA) this.#answerBytes += frameHeaderBytes + payloadBytes;
    const scratch = this.#reserve(frameHeaderBytes);
    let at = this.#used;
    scratch[at++] = payloadBytes >>> 16;
    scratch[at++] = payloadBytes >>> 8;
    scratch[at++] = payloadBytes;
    scratch[at++] = type;
    scratch[at++] = flags;
    scratch[at++] = streamId >>> 24;
    scratch[at++] = streamId >>> 16;
    scratch[at++] = streamId >>> 8;
    scratch[at++] = streamId;
    this.#used = at;
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length > largeBytes) {
      this.#pass(bytes);
      return;
    }
    this.#reserve(bytes.length).set(bytes, this.#used);
    this.#used += bytes.length;
  }

  uint32(value: number): void {
    this.#used = this.#reserve(4).writeUInt32BE(value, this.#used);
  }

  /** A frame whose payload is one number. */
  numberFrame(type: number, streamId: number, value: number): void {
    this.header(4, type, 0, streamId);
    this.uint32(value);
    this.schedule();
  }

  settingsAck(): void {
    this.header(0, FrameType.SETTINGS, 1, 0);
    this.schedule();
  }

  /** Schedules a flush after the microtasks of this turn. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    // From a microtask, so the tick comes after all of them.
    queueMicrotask(() => process.nextTick(() => this.#flushOnce()));
  }

  flush(): void {
    if (this.#closed) return;
    this.#beforeFlush();
    // Only now, because what `beforeFlush` added is written here.
    this.#scheduled = false;
    this.#write();
    if (this.#corked) {
      this.#corked = false;
      this.#socket.uncork();
    }
  }

  /** Flushes, or once more at the end of a turn in which it was flushed already. */
  #flushOnce(): void {
    if (this.#flushedTurn === loopTurn.current) {
      loopTurn.atEnd(this);
      return;
    }
    this.#flushedTurn = loopTurn.current;
    loopTurn.watch();
    this.flush();
  }

  /** Discards everything from now on. */
  close(): void {
    this.#closed = true;
  }

  #reserve(bytes: number): Buffer {
    if (this.#used + bytes > scratchBytes) this.#writeMidway();
    this.#scratch ??= pool.pop() ?? Buffer.allocUnsafeSlow(scratchBytes);
    return this.#scratch;
  }

  #pass(bytes: Uint8Array): void {
    this.#writeMidway();
    this.#writtenBytes += bytes.length;
    this.#socket.write(bytes);
  }

  /** Writes now, but corked: more follows in this turn, and the system gets all of it in one call. */
  #writeMidway(): void {
    if (!this.#corked && !this.#closed) {
      this.#corked = true;
      this.#socket.cork();
    }
    this.schedule();
    this.#write();
  }

  #write(): void {
    const scratch = this.#scratch;
    if (scratch === undefined || this.#closed) return;
    const used = this.#used;
    this.#scratch = undefined;
    this.#used = 0;
    this.#writtenBytes += used;
    if (used > scratchBytes / 2) {
      this.#socket.write(scratch.subarray(0, used));
      return;
    }
    // The system may keep what it is given, so it gets a copy of the exact size.
    if (used > 0) this.#socket.write(Buffer.copyBytesFrom(scratch, 0, used));
    if (pool.length < maxPooled) pool.push(scratch);
  }
}

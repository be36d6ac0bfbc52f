import type { Socket } from 'node:net';
import { type ErrorCode, Flag, FrameType, frameHeaderBytes } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { hello, ping } from './frames.ts';
import { connectTo } from './wire.ts';

/** A frame that the server sent. */
export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** An HTTP/2 client that sends arbitrary bytes and records the frames it receives. */
export class RawPeer implements Disposable {
  readonly frames: SentFrame[] = [];
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #pings = 0;
  #isClosed = false;

  /** Connects and sends `begin`, by default the preface and SETTINGS. */
  static async connect(port: number, begin: Uint8Array = hello): Promise<RawPeer> {
    const peer = new RawPeer(await connectTo(port));
    if (begin.length > 0) await peer.send(begin);
    return peer;
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.once('close', () => {
      this.#isClosed = true;
      resolve();
    });
    // Most attacks end with the server closing the connection.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#receive(chunk));
  }

  /** Bytes sent so far. */
  get sentBytes(): number {
    return this.#socket.bytesWritten;
  }

  /** Sends bytes. Returns when the system has accepted them or the connection is closed. */
  async send(...parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    await Promise.race([new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve())), this.closed]);
  }

  /** Sends bytes, or the result of a function of 0, 1, 2, ..., `times` times while the connection is open. */
  async flood(times: number, bytes: Uint8Array | ((time: number) => Uint8Array)): Promise<void> {
    for (let time = 0; time < times && !this.#isClosed; time += 1) {
      await this.send(typeof bytes === 'function' ? bytes(time) : bytes);
    }
  }

  /** Stops reading from the socket, so the server's bytes pile up on its side. */
  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Half-closes the connection. */
  end(): void {
    this.#socket.end();
  }

  /** Received frames of a type, optionally of one stream. */
  of(type: number, streamId?: number): SentFrame[] {
    return this.frames.filter((frame) => frame.type === type && (streamId ?? frame.streamId) === frame.streamId);
  }

  /** The code of the last GOAWAY, if any. */
  get goaway(): ErrorCode | undefined {
    return this.of(FrameType.GOAWAY).at(-1)?.payload.readUInt32BE(4) as ErrorCode | undefined;
  }

  /** The code of a stream's RST_STREAM, if any. */
  resetOf(streamId: number): ErrorCode | undefined {
    return this.of(FrameType.RST_STREAM, streamId).at(-1)?.payload.readUInt32BE(0) as ErrorCode | undefined;
  }

  /**
   * Whether the server still serves this connection. If it acknowledges a PING, it has processed everything sent before.
   * Returns false if it closes the connection instead.
   */
  async isServed(): Promise<boolean> {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pings, 4);
    await this.send(ping(payload));
    const answered = this.until(() =>
      this.of(FrameType.PING).some((pong) => (pong.flags & Flag.ACK) !== 0 && pong.payload.equals(payload)),
    );
    return Promise.race([answered, this.closed.then(() => false)]);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Waits until `check` is true of the received frames. */
  until(check: () => boolean): Promise<true> {
    return new Promise((resolve) => {
      const look = () => {
        if (!check()) return;
        this.#socket.off('data', look);
        resolve(true);
      };
      this.#socket.on('data', look);
      look();
    });
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const [type, flags, streamId] = [bytes.readUInt8(3), bytes.readUInt8(4), bytes.readUInt32BE(5)];
      this.frames.push({ type, flags, streamId, payload: bytes.subarray(frameHeaderBytes, end) });
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ErrorCode, Flag, FrameType, frameHeaderBytes } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { hello, ping } from './frames.ts';

/** A frame that the server sent. */
export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A client of HTTP/2 that sends what it is told, byte by byte, and notes what comes back. */
export class RawPeer implements Disposable {
  readonly frames: SentFrame[] = [];
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #pings = 0;
  #isClosed = false;

  /** Connects, and begins with the preface and SETTINGS unless it is to begin with something else. */
  static async connect(port: number, begin: Uint8Array = hello): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const peer = new RawPeer(socket);
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
    // That the server hangs up is what most attacks come to.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#receive(chunk));
  }

  /** How much it has sent, in bytes. */
  get sentBytes(): number {
    return this.#socket.bytesWritten;
  }

  /** Sends bytes as they are; resolves when the system took them, or the connection is over. */
  async send(...parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    await Promise.race([new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve())), this.closed]);
  }

  /** Sends bytes, or what is made of 0, 1, 2, …, this often, as long as the connection is there. */
  async flood(times: number, bytes: Uint8Array | ((time: number) => Uint8Array)): Promise<void> {
    for (let time = 0; time < times && !this.#isClosed; time += 1) {
      await this.send(typeof bytes === 'function' ? bytes(time) : bytes);
    }
  }

  /** Takes nothing from the system any more, so that the server's bytes pile up at its side. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** Says that it sends nothing more. */
  end(): void {
    this.#socket.end();
  }

  /** The frames of a type, of a stream when that is named. */
  of(type: number, streamId?: number): SentFrame[] {
    return this.frames.filter((frame) => frame.type === type && (streamId ?? frame.streamId) === frame.streamId);
  }

  /** The code of the last GOAWAY; `undefined` when there was none. */
  get goaway(): ErrorCode | undefined {
    return this.of(FrameType.GOAWAY).at(-1)?.payload.readUInt32BE(4) as ErrorCode | undefined;
  }

  /** The code of the RST_STREAM of a stream; `undefined` when there was none. */
  resetOf(streamId: number): ErrorCode | undefined {
    return this.of(FrameType.RST_STREAM, streamId).at(-1)?.payload.readUInt32BE(0) as ErrorCode | undefined;
  }

  /**
   * Whether the server still serves this connection: it answers a PING, and so has dealt with all that was sent before.
   * False when it ended the connection instead.
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

  /** Resolves when `check` is true of what has come. */
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

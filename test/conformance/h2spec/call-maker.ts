const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const headBytes = 9;
const headersType = 1;
const continuationType = 9;
const endHeadersFlag = 0x4;
const paddedFlag = 0x8;
const priorityFlag = 0x20;
/** `:method` `GET` and `POST` in HPACK's static table. Every request of h2spec starts with one of them. */
const get = 0x82;
const post = 0x83;

/** Turns the requests in an HTTP/2 client's bytes into gRPC calls, and passes everything on. Bytes may arrive in any pieces. */
export class CallMaker {
  readonly #pass: (bytes: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** How many of the next bytes to pass on unchanged. */
  #plainBytes = 0;
  #hasPreface = false;
  /** Whether the current header block belongs to a request. */
  #isRequest = false;

  constructor(pass: (bytes: Buffer) => void) {
    this.#pass = pass;
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.#hasPreface && this.#rest.length >= preface.length) {
      this.#hasPreface = true;
      // Without a preface, the bytes are not frames.
      this.#plainBytes = this.#rest.subarray(0, preface.length).equals(preface) ? preface.length : Infinity;
    }
    while (this.#hasPreface && this.#takeNext());
  }

  /** Processes the next frame or unchanged bytes. Returns false if more bytes are needed. */
  #takeNext(): boolean {
    if (this.#plainBytes > 0) {
      const taken = this.#cut(Math.min(this.#plainBytes, this.#rest.length));
      this.#plainBytes -= taken.length;
      this.#pass(taken);
      return this.#rest.length > 0;
    }
    if (this.#rest.length < headBytes) return false;
    const frameBytes = headBytes + this.#rest.readUIntBE(0, 3);
    const type = this.#rest.readUInt8(3);
    if (type !== headersType && type !== continuationType) {
      this.#plainBytes = frameBytes;
      return true;
    }
    if (this.#rest.length < frameBytes) return false;
    this.#pass(this.#asCall(this.#cut(frameBytes)));
    return true;
  }

  #cut(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  #asCall(frame: Buffer): Buffer {
    const [start, end] = blockOf(frame);
    if (frame.readUInt8(3) === headersType)
      this.#isRequest = end > start && (frame[start] === get || frame[start] === post);
    if (!this.#isRequest) return frame;
    const changed = Buffer.from(frame);
    if (changed.readUInt8(3) === headersType) changed[start] = post;
    if ((changed.readUInt8(4) & endHeadersFlag) === 0) return changed;
    changed.writeUIntBE(changed.length - headBytes + callFields.length, 0, 3);
    return Buffer.concat([changed.subarray(0, end), callFields, changed.subarray(end)]);
  }
}

/** Returns where the header block fragment in a frame starts and ends, without padding. */
function blockOf(frame: Buffer): readonly [start: number, end: number] {
  if (frame.readUInt8(3) === continuationType) return [headBytes, frame.length];
  const flags = frame.readUInt8(4);
  const isPadded = (flags & paddedFlag) !== 0;
  const start = headBytes + (isPadded ? 1 : 0) + ((flags & priorityFlag) !== 0 ? 5 : 0);
  return [start, frame.length - (isPadded ? (frame[headBytes] ?? 0) : 0)];
}

/** Encodes a field without indexing, so it can follow any other field and changes no table. */
function literal(name: string, value: string): Buffer {
  const text = (part: string) => Buffer.concat([Buffer.of(part.length), Buffer.from(part)]);
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

const callFields = Buffer.concat([literal('content-type', 'application/grpc'), literal('te', 'trailers')]);

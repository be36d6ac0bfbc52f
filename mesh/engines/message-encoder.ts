import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** A message type as ts-proto generates it. */
interface EncodableType<Message> {
  encode(message: Message, writer?: BinaryWriter): { finish(): Uint8Array };
}

// Small messages lie one after another in a slab of this size. One that is kept keeps its slab.
const slabBytes = 8 * 1024;
const maxSharedBytes = 1024;

// V8 keeps the bytes of smaller arrays in its heap, where they cost little.
const maxHeapBytes = 64;

// A buffer that has grown beyond this for a large message is dropped.
const maxKeptBytes = 64 * 1024;

/** What BinaryWriter hides from TypeScript. */
interface Written {
  buffer: Uint8Array<ArrayBuffer>;
  /** Of `buffer`, if it has the same length. */
  viewCache: DataView;
  pos: number;
}

function hidden(writer: BinaryWriter): Written {
  return writer as unknown as Written;
}

const noView = new DataView(new ArrayBuffer(0));

/**
 * Writes small messages into slabs and returns parts of these. BinaryWriter allocates memory outside of the heap for each message and
 * copies it, which is a fifth of the time of a stream of small messages.
 */
class SlabWriter extends BinaryWriter {
  /** Where the message begins: earlier ones are before it. */
  #start = 0;

  /** Tags and most lengths have one byte. */
  override uint32(value: number): this {
    const written = hidden(this);
    if ((value & 0x7f) !== value || written.pos >= written.buffer.length) return super.uint32(value);
    written.buffer[written.pos++] = value;
    return this;
  }

  override finish(): Uint8Array<ArrayBuffer> {
    const written = hidden(this);
    const { buffer, pos } = written;
    const start = this.#start;
    const length = pos - start;
    if (length > maxHeapBytes && length <= maxSharedBytes && buffer.length === slabBytes) {
      if (slabBytes - pos < maxSharedBytes) this.#beginSlab();
      else this.#start = pos;
      return buffer.subarray(start, pos);
    }
    const bytes = length <= maxHeapBytes ? buffer.slice(start, pos) : Buffer.copyBytesFrom(buffer, start, length);
    this.#reuse(length);
    return bytes;
  }

  /** Prepares for the next message after one of this length, which was copied. */
  #reuse(length: number): void {
    const written = hidden(this);
    const { buffer } = written;
    // One that has outgrown a slab is in a buffer of its own, which is kept for other large ones.
    const hasGrown = buffer.length !== slabBytes;
    if (hasGrown && (length <= maxSharedBytes || buffer.length > maxKeptBytes)) this.#beginSlab();
    else {
      if (hasGrown) this.#start = 0;
      written.pos = this.#start;
    }
  }

  #beginSlab(): void {
    const written = hidden(this);
    written.buffer = new Uint8Array(slabBytes);
    written.viewCache = noView;
    written.pos = 0;
    this.#start = 0;
  }
}

/** The free writer; none while it is in use. */
let free: BinaryWriter | undefined = new SlabWriter();

/**
 * The bytes of a message. Messages share one writer, because the buffer of a new one is most of the cost of a small message. A
 * writer that threw is not reused, so it leaves nothing in the next message.
 */
export function encodeMessage<Message>(type: EncodableType<Message>, message: Message): Uint8Array {
  const writer = free ?? new SlabWriter();
  free = undefined;
  const bytes = type.encode(message, writer).finish();
  free = writer;
  return bytes;
}

import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** A message type as ts-proto generates it. */
interface EncodableType<Message> {
  encode(message: Message, writer?: BinaryWriter): { finish(): Uint8Array };
}

// A writer that has grown beyond this for a large message is dropped.
const maxKeptBytes = 64 * 1024;

// V8 keeps the bytes of smaller arrays in its heap, where they cost little.
const maxHeapBytes = 64;

/** What BinaryWriter hides from TypeScript. */
interface Written {
  readonly buffer: Uint8Array;
  pos: number;
}

/**
 * Returns messages in Node's pool of buffers. BinaryWriter allocates memory outside of the heap for each, which is a fifth of the
 * time of a stream of small messages.
 */
class PooledWriter extends BinaryWriter {
  override finish(): Uint8Array<ArrayBuffer> {
    const written = this as unknown as Written;
    const { buffer, pos } = written;
    if (pos <= maxHeapBytes) return super.finish();
    const bytes = Buffer.allocUnsafe(pos);
    bytes.set(buffer.subarray(0, pos));
    written.pos = 0;
    return bytes;
  }
}

/** The free writer; none while it is in use. */
let free: BinaryWriter | undefined = new PooledWriter();

/**
 * The bytes of a message. Messages share one writer, because the buffer of a new one is most of the cost of a small message. A
 * writer that threw is not reused, so it leaves nothing in the next message.
 */
export function encodeMessage<Message>(type: EncodableType<Message>, message: Message): Uint8Array {
  const writer = free ?? new PooledWriter();
  free = undefined;
  const bytes = type.encode(message, writer).finish();
  if (bytes.length <= maxKeptBytes) free = writer;
  return bytes;
}

import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** A message type as ts-proto generates it. */
interface EncodableType<Message> {
  encode(message: Message, writer?: BinaryWriter): { finish(): Uint8Array };
}

// A writer that has grown beyond this for a large message is dropped.
const maxKeptBytes = 64 * 1024;
/** The free writer; none while it is in use. */
let free: BinaryWriter | undefined = new BinaryWriter();

/**
 * The bytes of a message. Messages share one writer, because the buffer of a new one is most of the cost of a small message. A
 * writer that threw is not reused, so it leaves nothing in the next message.
 */
export function encodeMessage<Message>(type: EncodableType<Message>, message: Message): Uint8Array {
  const writer = free ?? new BinaryWriter();
  free = undefined;
  const bytes = type.encode(message, writer).finish();
  if (bytes.length <= maxKeptBytes) free = writer;
  return bytes;
}

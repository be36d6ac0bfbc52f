import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** A message type as ts-proto generates it. */
interface EncodableType<Message> {
  encode(message: Message, writer?: BinaryWriter): { finish(): Uint8Array };
}

// What a writer has grown to for a large message is given back.
const mostKeptBytes = 64 * 1024;
/** The writer that is free; none while one is at work. */
let free: BinaryWriter | undefined = new BinaryWriter();

/**
 * The bytes of a message. One writer serves one message after another, since most of what encoding a small one costs is the
 * buffer of a writer of its own. One that threw is not used again, so that it leaves nothing to the next message.
 */
export function encodeMessage<Message>(type: EncodableType<Message>, message: Message): Uint8Array {
  const writer = free ?? new BinaryWriter();
  free = undefined;
  const bytes = type.encode(message, writer).finish();
  if (bytes.length <= mostKeptBytes) free = writer;
  return bytes;
}

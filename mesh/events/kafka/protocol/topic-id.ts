import { type ByteReader, createByteReader } from './byte-reader.ts';

/** The version of the Metadata API that includes the ids of topics. */
export const topicIdVersion = 10;

/** A broker's answer about one topic. */
export interface TopicIdResponse {
  /** 0: no error. */
  readonly errorCode: number;
  /** In hexadecimal digits. */
  readonly topicId: string;
}

const idBytes = 16;

/**
 * Returns the body of a Metadata request for one topic, which does not create it. It begins with the tags of the
 * header, which the library does not write, because it only knows older versions.
 */
export function topicIdRequest(topic: string): Buffer {
  const name = Buffer.from(topic);
  const noTags = Buffer.from([0]);
  const oneTopic = Buffer.concat([Buffer.from([2]), Buffer.alloc(idBytes), length(name.length + 1), name, noTags]);
  // No creation, and no authorized operations of cluster and topic.
  return Buffer.concat([noTags, oneTopic, Buffer.from([0, 0, 0]), noTags]);
}

/** Reads the answer up to the topic's id. */
export function readTopicIdResponse(bytes: Buffer): TopicIdResponse {
  const reader = createByteReader(bytes);
  passTags(reader);
  // The throttle time.
  reader.int32();
  for (let left = count(reader); left > 0; left--) {
    // A broker: number, host, port and rack.
    reader.int32();
    passText(reader);
    reader.int32();
    passText(reader);
    passTags(reader);
  }
  // The cluster, and its controller.
  passText(reader);
  reader.int32();
  if (count(reader) !== 1) throw new Error('a broker answered about other topics than it was asked for');
  const errorCode = reader.int16();
  passText(reader);
  return { errorCode, topicId: reader.bytes(idBytes).toString('hex') };
}

/** A number of variable length. Lengths are written plus one, so 0 means null. */
function length(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}

function count(reader: ByteReader): number {
  return Math.max(0, reader.uvarint() - 1);
}

function passText(reader: ByteReader): void {
  reader.bytes(count(reader));
}

function passTags(reader: ByteReader): void {
  for (let left = reader.uvarint(); left > 0; left--) {
    reader.uvarint();
    reader.bytes(reader.uvarint());
  }
}

import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { StoredEvent } from '../log/event-log.ts';

/** A generated message, as far as it reads. */
export interface MessageReader<Message> {
  decode(bytes: Uint8Array): Message;
  fromJSON(json: unknown): Message;
}

const binaryTypes: ReadonlySet<string> = new Set(['application/protobuf', 'application/x-protobuf']);

/**
 * Reads the message of an event by its `content-type`: protobuf's binary format or, without that header too, proto3 JSON.
 * INVALID_ARGUMENT `UNDECODABLE` for any other content, which makes the event a dead letter.
 */
export function decodeEvent<Message>(event: StoredEvent, reader: MessageReader<Message>): Message {
  const [mediaType = ''] = (event.headers['content-type'] ?? 'application/json').split(';');
  const contentType = mediaType.trim().toLowerCase();
  try {
    return binaryTypes.has(contentType) ? reader.decode(event.value) : reader.fromJSON(parseObject(event.value));
  } catch (error) {
    const place = `${event.topic}/${event.partition}/${event.offset}`;
    const text = `the event at ${place} cannot be read as ${contentType}: mend its producer, or discard it`;
    throw new MeshError(Status.INVALID_ARGUMENT, 'UNDECODABLE', text, { metadata: { place }, cause: error });
  }
}

function parseObject(bytes: Uint8Array): object {
  const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new SyntaxError('the JSON is not an object');
}

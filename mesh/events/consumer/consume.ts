import { undecodable } from '../../errors/errors.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { EventEffect, EventHandler } from './consumer.ts';

/** Decodes messages: any generated message does, or an object of your own for producers with another contract. */
export interface MessageReader<Message> {
  decode(bytes: Uint8Array): Message;
  fromJSON(json: unknown): Message;
}

/** What to consume, and how to handle it. */
export interface ConsumedEvents<Message> {
  /** `notification-service`. Members of a group share the partitions of the topic. */
  readonly group: string;
  /** `order.events`. */
  readonly topic: string;
  /** The types to handle; other events are skipped without being decoded. Default: all. */
  readonly types?: readonly string[];
  /** As `EventHandler.handle`, with the decoded message. */
  readonly handle: (message: Message, attributes: EventAttributes) => Promise<EventEffect | undefined>;
}

/** Returns the handler of typed events, for `createEventConsumer`. An event that cannot be decoded becomes a dead letter. */
export function consume<Message>(
  reader: MessageReader<Message>,
  { group, topic, types, handle }: ConsumedEvents<Message>,
): EventHandler {
  const wanted = types && new Set(types);
  return {
    group,
    topics: [topic],
    handle: async (event, attributes) => {
      if (wanted && !wanted.has(attributes.type)) return undefined;
      return await handle(decodeEvent(event, reader), attributes);
    },
  };
}

const binaryTypes: ReadonlySet<string> = new Set(['application/protobuf', 'application/x-protobuf']);

/**
 * Decodes the message of an event by its `content-type`: the binary format of protobuf, or proto3 JSON, which is also the
 * default. Throws INVALID_ARGUMENT `UNDECODABLE` for any other content, which makes the event a dead letter.
 */
export function decodeEvent<Message>(event: StoredEvent, reader: MessageReader<Message>): Message {
  const [mediaType = ''] = (event.headers['content-type'] ?? 'application/json').split(';');
  const contentType = mediaType.trim().toLowerCase();
  try {
    return binaryTypes.has(contentType) ? reader.decode(event.value) : reader.fromJSON(parseObject(event.value));
  } catch (error) {
    const place = `${event.topic}/${event.partition}/${event.offset}`;
    throw undecodable({ thing: `event ${place}`, problem: `it is not ${contentType}`, place }, { cause: error });
  }
}

function parseObject(bytes: Uint8Array): object {
  const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new SyntaxError('not a JSON object');
}

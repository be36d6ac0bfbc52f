import { undecodable } from '../../errors/errors.ts';
import { formatOf, mediaTypeOf } from '../log/content-type.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { toBinaryMode } from '../log/structured-mode.ts';
import { type EventHandler, type HandlerResult, skipEvent } from './consumer.ts';

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
  readonly handle: (message: Message, attributes: EventAttributes) => Promise<HandlerResult>;
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
      const { type } = attributes;
      if (wanted && type !== '' && !wanted.has(type)) return undefined;
      // An event without a type may be unreadable, and must not be lost then.
      const message = decodeEvent(event, reader);
      if (wanted && type === '') return skipEvent('unknown-type', 'it has no type');
      return await handle(message, attributes);
    },
  };
}

/**
 * Decodes the message of an event by its `content-type`: the binary format of protobuf, or proto3 JSON, which is also the
 * default. A CloudEvent in the structured mode is decoded by the content type of its data. Throws INVALID_ARGUMENT
 * `UNDECODABLE` for other types and invalid content, which makes the event a dead letter.
 */
export function decodeEvent<Message>(stored: StoredEvent, reader: MessageReader<Message>): Message {
  const place = `${stored.topic}/${stored.partition}/${stored.offset}`;
  const thing = `event ${place}`;
  const { headers, value } = toBinaryMode(stored);
  const format = formatOf(headers);
  if (format.is === 'unreadable') throw undecodable({ thing, problem: format.problem, place });
  try {
    return format.is === 'protobuf' ? reader.decode(value) : reader.fromJSON(parseObject(value));
  } catch (error) {
    throw undecodable({ thing, problem: `it is not ${mediaTypeOf(headers)}`, place }, { cause: error });
  }
}

function parseObject(bytes: Uint8Array): object {
  const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new SyntaxError('not a JSON object');
}

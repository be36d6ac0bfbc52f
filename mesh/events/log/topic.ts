import type { DomainEvent } from './envelope.ts';

/** Members that the message of an event has by convention. */
export interface EventMessage {
  /** `ORDER_PLACED`. */
  readonly type: string;
  /** When it happened. */
  readonly timestamp: Date | undefined;
}

/** How messages of a topic become events. */
export interface TopicOptions<Message> {
  /** Id of the aggregate that changed. Events with the same key stay in order. */
  readonly key: (message: Message) => string;
  /** Version of the aggregate after the change. Consumers compare it where they depend on order. */
  readonly version: (message: Message) => bigint;
}

/** A topic that a service publishes to. */
export interface Topic<Message = never> {
  /** `order.events`. */
  readonly name: string;
  /** Returns the event of a message, for `outbox.addEvent`. */
  event(message: Message): DomainEvent;
}

/**
 * Defines a topic once: its name, its generated message and how that becomes an event. The event's type and time are the
 * message's `type` and `timestamp`. An outbox publishes only to the topics it was created with.
 */
export function defineTopic<Message extends EventMessage>(
  name: string,
  codec: { toJSON(message: Message): unknown },
  { key, version }: TopicOptions<Message>,
): Topic<Message> {
  return {
    name,
    event(message) {
      const { type, timestamp } = message;
      if (type === '') throw new Error(`an event of ${name} has no type: set its type`);
      if (!timestamp) throw new Error(`event ${type} of ${name} has no timestamp: set its timestamp`);
      return {
        topic: name,
        key: key(message),
        type,
        version: version(message),
        timeMs: timestamp.getTime(),
        json: codec.toJSON(message),
      };
    },
  };
}

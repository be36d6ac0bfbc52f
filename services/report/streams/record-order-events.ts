import type { EventHandler, EventStore } from '#mesh';
import { orderEventTypes, orderStream } from './order-stream.ts';
import { readOrderEvent } from './read-order-event.ts';

export interface RecordOrderEventsDeps {
  /** In the storage of the consumer. */
  readonly store: EventStore;
}

/**
 * Stores the events of orders in order of arrival. Events may be missing or arrive after newer ones, so readers compare the
 * versions of orders. Skipped events are not stored: a replay of the group stores those that a newer version knows.
 */
export function recordOrderEvents({ store }: RecordOrderEventsDeps): EventHandler {
  return {
    group: 'report-service',
    topics: ['order.events'],
    concurrency: 32,
    // Each adds to the stream of its order, whose id is the key.
    independentEffects: true,
    handle: async (event, attributes) => {
      const found = readOrderEvent(event, attributes);
      if ('skipped' in found) return found;
      const { orderId, change } = found;
      const added = {
        ...orderEventTypes.encode(change),
        correlationId: attributes.correlationId ?? attributes.id,
        timeMs: change.updateTimeMs,
      };
      return async (tx) => void (await store.appendIn(tx, orderStream(orderId), 'any', added));
    },
  };
}

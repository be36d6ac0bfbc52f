import type { EventHandler, EventStore, Logger } from '#mesh';
import { orderEventTypes, orderStream } from './order-stream.ts';
import { readOrderEvent } from './read-order-event.ts';

export interface RecordOrderEventsDeps {
  /** In the storage of the consumer. */
  readonly store: EventStore;
  readonly logger: Logger;
}

/**
 * Stores the events of orders in order of arrival. Events may be missing or arrive after newer ones, so readers compare the
 * versions of orders.
 */
export function recordOrderEvents({ store, logger }: RecordOrderEventsDeps): EventHandler {
  return {
    group: 'report-service',
    topics: ['order.events'],
    handle: async (event, { id, type, correlationId }) => {
      const found = readOrderEvent(event, type);
      if (found === undefined) {
        const about = { event: id, type, order: event.key };
        logger.warn(about, 'skipped an event of an unknown type: update the report service');
        return undefined;
      }
      const { orderId, change } = found;
      const added = {
        ...orderEventTypes.encode(change),
        correlationId: correlationId ?? id,
        timeMs: change.updateTimeMs,
      };
      return async (tx) => void (await store.appendIn(tx, orderStream(orderId), 'any', added));
    },
  };
}

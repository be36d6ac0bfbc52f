import type { EventHandler, EventStore, Logger } from '#mesh';
import { orderEventTypes, orderStream } from './order-stream.ts';
import { readOrderEvent } from './read-order-event.ts';

/** What keeping the orders' events takes. */
export interface RecordOrderEventsDeps {
  /** In the storage of the consumer. */
  readonly store: EventStore;
  readonly logger: Logger;
}

/**
 * Keeps the events of orders, in the order in which they come: an event may be missing, or come behind a newer one, and
 * what reads the store compares the versions of orders.
 */
export function recordOrderEvents({ store, logger }: RecordOrderEventsDeps): EventHandler {
  return {
    group: 'report-service',
    topics: ['order.events'],
    handle: async (event, { id, type, correlationId }) => {
      const news = readOrderEvent(event, type);
      if (news === undefined) {
        const about = { event: id, type, order: event.key };
        logger.warn(about, 'an event of a type that is not known here is passed over: update the report service');
        return undefined;
      }
      const { orderId, change } = news;
      const added = {
        ...orderEventTypes.encode(change),
        correlationId: correlationId ?? id,
        timeMs: change.updateTimeMs,
      };
      return async (tx) => void (await store.appendIn(tx, orderStream(orderId), 'any', added));
    },
  };
}

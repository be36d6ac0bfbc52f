import { type EventRecord, Start } from '#gen/events/v1/events.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { reasonOf } from '../support/clients.ts';
import type { Mesh } from '../support/mesh.ts';
import { patiently } from './patience.ts';

/** Where an order leaves events, and the last that is to be expected there. */
interface Trail {
  readonly topic: string;
  readonly key: string;
  readonly lastTypes: readonly string[];
}

// What was published before the order ended is there within moments; a trail that ends otherwise is cut here.
const longestReadMs = 5_000;

/** The events that an order left in the log, on all topics; `undefined` when the log cannot be read now. */
export async function findEvents(mesh: Mesh, order: Order): Promise<EventRecord[] | undefined> {
  const trails: readonly Trail[] = [
    { topic: 'order.events', key: order.id, lastTypes: ['ORDER_COMPLETED', 'ORDER_FAILED', 'ORDER_CANCELLED'] },
    { topic: 'inventory.events', key: order.id, lastTypes: ['STOCK_COMMITTED', 'STOCK_RELEASED'] },
    // Keyed by the account, which is the user's: this is what paid.
    { topic: 'payment.events', key: order.userId, lastTypes: ['MONEY_WITHDRAWN'] },
    { topic: 'shipping.events', key: order.id, lastTypes: ['SHIPMENT_BOOKED', 'SHIPMENT_REFUSED'] },
  ];
  const found = await Promise.all(trails.map((trail) => patiently(mesh, () => follow(mesh, trail))));
  const known = found.filter((records) => records !== undefined);
  return known.length === found.length ? known.flat() : undefined;
}

/** The stream has no end of its own: it is left with the last event that is expected, or when the time is up. */
async function follow({ events }: Mesh, { topic, key, lastTypes }: Trail): Promise<EventRecord[] | undefined> {
  const timeout = AbortSignal.timeout(longestReadMs);
  const records: EventRecord[] = [];
  try {
    const from = { $case: 'start', value: Start.START_BEGINNING } as const;
    for await (const record of events.subscribe({ topic, key, from }, { signal: timeout })) {
      records.push(record);
      if (lastTypes.includes(record.type)) break;
    }
  } catch (error) {
    // The mesh goes on without its broker: this is no reason to wait.
    if (reasonOf(error).startsWith('EVENTS_')) return undefined;
    if (!timeout.aborted) throw error;
  }
  return records;
}

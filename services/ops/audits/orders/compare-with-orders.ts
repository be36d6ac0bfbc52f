import type { Client } from 'nice-grpc';
import type { Order, OrderServiceDefinition } from '#gen/order/v1/order.ts';
import type { AuditCheck, Clock, Finding } from '#mesh';
import { ifFound } from './if-found.ts';
import { joinStreams } from './join-streams.ts';
import { mapAtOnce } from './map-concurrently.ts';
import { lookAgain } from './recheck.ts';

/** How long a call may take. */
export interface Bounds {
  readonly signal: AbortSignal;
}

/** What orders are to agree with: payments, reservations, of which an order has one. */
export interface Comparison<Other> {
  /** The check's name. */
  readonly name: string;
  readonly list: (bounds: Bounds) => AsyncIterable<Other>;
  /** The one of an order; it rejects with NOT_FOUND when there is none. */
  readonly get: (orderId: string, bounds: Bounds) => Promise<Other>;
  readonly orderIdOf: (other: Other) => string;
  /** In what the list is sorted, about, and where an order stands in that. */
  readonly positionOf: (other: Other) => string | number;
  readonly orderPositionOf: (order: Order) => string | number;
  /** What is wrong with the two; it names the order first. */
  readonly judge: (orderId: string, order: Order | undefined, other: Other | undefined) => Finding | undefined;
}

const mostAtOnce = 16;

/**
 * A check that orders and something else agree. It reads both lists side by side; what looks wrong there, since they are
 * not of one moment, is asked for by itself before it is told.
 */
export function compareWithOrders<Other>(
  comparison: Comparison<Other>,
  orders: Client<OrderServiceDefinition>,
  clock: Clock,
): AuditCheck {
  const { name, list, get, orderIdOf, positionOf, orderPositionOf, judge } = comparison;
  return {
    name,
    async *run(progress, signal) {
      const bounds = { signal };
      const sorted = { list: orders.listOrders({}, bounds), keyOf: idOf, positionOf: orderPositionOf };
      const others = { list: list(bounds), keyOf: orderIdOf, positionOf };
      async function* suspects() {
        for await (const { key, left, right } of joinStreams(sorted, others)) {
          progress.examined(1);
          if (judge(key, left, right)) yield key;
        }
      }
      const look = async (id: string) => {
        // In this order: what an order says of itself has happened by then, so the other is never behind it.
        const order = await ifFound(orders.getOrder({ id }, bounds));
        return judge(id, order, await ifFound(get(id, bounds)));
      };
      // An order and its other that did not meet are two suspects.
      const told = new Set<string>();
      for await (const finding of mapAtOnce(suspects(), mostAtOnce, (id) => lookAgain(() => look(id), clock, signal))) {
        const [id = ''] = finding?.ids ?? [];
        if (finding && !told.has(id)) yield finding;
        told.add(id);
      }
    },
  };
}

function idOf({ id }: Order): string {
  return id;
}

import type { Client } from 'nice-grpc';
import type { Order, OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { type AuditCheck, type Clock, type Finding, join, MeshError, mapConcurrently, Status, sleep } from '#mesh';

/** How long a call may take. */
export interface Bounds {
  readonly signal: AbortSignal;
}

/** What orders are compared with: payments or reservations. An order has one. */
export interface Comparison<Other> {
  readonly name: string;
  readonly list: (bounds: Bounds) => AsyncIterable<Other>;
  /** Returns the one of an order. Rejects with NOT_FOUND if there is none. */
  readonly get: (orderId: string, bounds: Bounds) => Promise<Other>;
  readonly orderIdOf: (other: Other) => string;
  /** The approximate sort order of the list, and the position of an order in it. */
  readonly positionOf: (other: Other) => string | number;
  readonly orderPositionOf: (order: Order) => string | number;
  /** How many entries may lie between the two in their lists; those further apart are read one by one. Default: 50,000. */
  readonly window?: number;
  /** Returns what is wrong with the two. The finding names the order first. */
  readonly judge: (orderId: string, order: Order | undefined, other: Other | undefined) => Finding | undefined;
}

const maxConcurrent = 16;
/** More than the order service lets wait to be completed. Bounds the memory, to about 50 MB. */
const defaultWindow = 50_000;
const recheckDelayMs = 250;

/**
 * Returns the check that orders agree with something else. It joins both lists. They are not consistent with each other, so
 * each suspect is read again before it is reported.
 */
export function compareWithOrders<Other>(
  comparison: Comparison<Other>,
  orders: Client<OrderServiceDefinition>,
  clock: Clock,
): AuditCheck {
  const { name, list, get, orderIdOf, positionOf, orderPositionOf, window = defaultWindow, judge } = comparison;
  return {
    name,
    async *run(progress, signal) {
      const bounds = { signal };
      const sorted = {
        list: withoutAddresses(orders.listOrders({}, bounds)),
        keyOf: idOf,
        positionOf: orderPositionOf,
      };
      const others = { list: list(bounds), keyOf: orderIdOf, positionOf };
      async function* suspects() {
        for await (const { key, left, right } of join(sorted, others, window)) {
          progress.examined(1);
          if (judge(key, left, right)) yield key;
        }
      }
      const look = async (id: string) => {
        // In this order: what the order says has happened by then, so the other is never older.
        const order = await undefinedIfNotFound(orders.getOrder({ id }, bounds));
        return judge(id, order, await undefinedIfNotFound(get(id, bounds)));
      };
      // An order and its other that were not joined are two suspects.
      const reported = new Set<string>();
      for await (const finding of mapConcurrently(suspects(), maxConcurrent, (id) =>
        recheck(() => look(id), clock, signal),
      )) {
        const [id = ''] = finding?.ids ?? [];
        if (finding && !reported.has(id)) yield finding;
        reported.add(id);
      }
    },
  };
}

/** No check needs addresses, which are the largest part of most orders. */
async function* withoutAddresses(orders: AsyncIterable<Order>): AsyncGenerator<Order> {
  for await (const order of orders) yield { ...order, shippingAddress: undefined };
}

function idOf({ id }: Order): string {
  return id;
}

/**
 * Looks at a suspect twice, a quarter of a second apart, and stops if it is right: work in progress does not look wrong twice.
 * Resolves with what is wrong the second time. Throws what `signal` aborts with.
 */
async function recheck(
  look: () => Promise<Finding | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  signal.throwIfAborted();
  if (!(await look())) return undefined;
  await sleep(clock, recheckDelayMs, signal);
  signal.throwIfAborted();
  return await look();
}

async function undefinedIfNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) return undefined;
    throw error;
  }
}

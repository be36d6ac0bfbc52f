import type { Client } from 'nice-grpc';
import type { Order, OrderServiceDefinition } from '#gen/order/v1/order.ts';
import {
  type AuditCheck,
  type Clock,
  type Finding,
  inBatches,
  join,
  MeshError,
  mapConcurrently,
  Status,
  sleep,
  yieldEvery,
} from '#mesh';
import { ordersOf } from '../whole-lists.ts';

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
  /** Reads again what `judge` knows. Called before suspects are read again. */
  readonly beforeRecheck?: () => Promise<void>;
  /** Returns what is wrong with the two. The finding names the order first. */
  readonly judge: (orderId: string, order: Order | undefined, other: Other | undefined) => Finding | undefined;
}

const maxConcurrent = 16;
/** More than the order service lets wait to be completed. Bounds the memory, to about 50 MB. */
const defaultWindow = 50_000;
const recheckDelayMs = 250;
const maxTurnMs = 1;
const suspectsPerBatch = 500;
/** Enough to find the cause. Reading further suspects one by one would take minutes if a service has lost its data. */
const maxReported = 500;

interface Suspect {
  readonly id: string;
  /** What is wrong by the lists. */
  readonly finding: Finding;
}

/**
 * Returns the check that orders agree with something else. It joins both lists. They are not consistent with each other, so
 * each suspect is read again before it is reported; after 500 reported orders the others are only counted.
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
      const yieldToOthers = yieldEvery(maxTurnMs);
      const sorted = {
        list: withoutAddresses(ordersOf(orders)({}, bounds)),
        keyOf: idOf,
        positionOf: orderPositionOf,
      };
      const others = { list: list(bounds), keyOf: orderIdOf, positionOf };
      async function* suspects(): AsyncGenerator<Suspect> {
        for await (const { key: id, left, right } of join(sorted, others, window)) {
          progress.examined(1);
          const finding = judge(id, left, right);
          if (finding) yield { id, finding };
          await yieldToOthers();
        }
      }
      const checkOne = async (id: string): Promise<Suspect | undefined> => {
        // In this order: what the order says has happened by then, so the other is never older.
        const order = await undefinedIfNotFound(orders.getOrder({ id }, bounds));
        const finding = judge(id, order, await undefinedIfNotFound(get(id, bounds)));
        return finding && { id, finding };
      };
      // An order and its other that were not joined are two suspects.
      const reported = new Set<string>();
      const unreported = new Map<string, number>();
      const countOnly = ({ reason }: Finding) => unreported.set(reason, (unreported.get(reason) ?? 0) + 1);
      for await (const batch of inBatches(suspects(), suspectsPerBatch)) {
        if (reported.size >= maxReported) {
          for (const { finding } of batch) countOnly(finding);
          continue;
        }
        const ids = new Set(batch.map(({ id }) => id)).difference(reported);
        await comparison.beforeRecheck?.();
        for (const { id, finding } of await recheck([...ids], checkOne, clock, signal)) {
          if (reported.size >= maxReported) {
            countOnly(finding);
            continue;
          }
          reported.add(id);
          yield finding;
        }
      }
      for (const [reason, count] of unreported) yield unreportedFinding(reason, count);
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
 * Checks suspects twice, a quarter of a second apart: work in progress does not look wrong twice. Returns what is wrong the
 * second time. Throws what `signal` aborts with.
 */
async function recheck(
  ids: readonly string[],
  checkOne: (id: string) => Promise<Suspect | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Suspect[]> {
  const checkAll = async (some: readonly string[]): Promise<Suspect[]> => {
    signal.throwIfAborted();
    const seen = await Array.fromAsync(mapConcurrently(some, maxConcurrent, checkOne));
    return seen.filter((suspect) => suspect !== undefined);
  };
  const wrong = await checkAll(ids);
  if (wrong.length === 0) return [];
  await sleep(clock, recheckDelayMs, signal);
  return await checkAll(wrong.map(({ id }) => id));
}

function unreportedFinding(reason: string, count: number): Finding {
  const message = `up to ${count} more orders look the same in a list; fix the reported ones and audit again`;
  return { reason, ids: [], message };
}

async function undefinedIfNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) return undefined;
    throw error;
  }
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, Status } from 'nice-grpc';
import type { OrderServiceDefinition, PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { MeshError } from '../../../mesh/errors/mesh-error.ts';
import type { Stocked } from '../../support/invariants.ts';
import { euros, type Shop } from '../../support/shop.ts';

/** What exists before the first order. */
export const stock = { sku: 'lamp', price: 500n, onHand: 1_000_000n, funds: 100_000_000n } as const;

/** Several, so charges of different orders do not wait for one account. The last one has no money. */
export const accountIds: readonly string[] = ['ada', 'ben', 'cleo', 'dan', 'eve', 'tom'];
export const poorId = 'tom';

/** For `expectConserved`. */
export const before: Stocked = {
  sku: stock.sku,
  onHand: stock.onHand,
  funds: new Map(accountIds.map((id) => [id, id === poorId ? 0n : stock.funds])),
};

export async function fillShelves({ inventory, users, accounts }: Shop): Promise<void> {
  const { sku, price, onHand, funds } = stock;
  await inventory.createItem({ item: { sku, name: 'A lamp', unitPrice: euros(price), onHand } });
  for (const id of accountIds) {
    await users.createUser({ user: { id, name: id, email: `${id}@example.com` } });
    await accounts.openAccount({ requestId: randomUUID(), accountId: id, currencyCode: 'EUR' });
    if (id !== poorId) await accounts.deposit({ requestId: randomUUID(), accountId: id, amount: euros(funds) });
  }
}

/** Of twenty orders, one cannot be paid, and the carrier refuses one. */
function nextOrder(index: number): PlaceOrderRequest {
  const userId = index % 20 === 7 ? poorId : (accountIds[index % (accountIds.length - 1)] ?? '');
  const countryCode = index % 20 === 13 ? 'AQ' : 'DE';
  return {
    requestId: randomUUID(),
    userId,
    items: [{ sku: stock.sku, quantity: 1 + (index % 3), unitPrice: undefined }],
    shippingAddress: { recipient: userId, lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode },
  };
}

/** Customers that place orders, and repeat a call with the same request id until it is accepted. */
export interface Shoppers {
  /** The ids of accepted orders. */
  readonly accepted: readonly string[];
  /** How many calls failed because of a fault and were repeated, by the reason of the fault. */
  readonly repeats: ReadonlyMap<string, number>;
  /** How long the slowest order took to be accepted, in milliseconds. */
  readonly slowestMs: number;
  /** Places orders at this rate until `signal` aborts, whether or not earlier ones are accepted, then waits until all are. */
  placeSteadily(perSecond: number, signal: AbortSignal): Promise<void>;
  /** Places orders one after another in `customers` loops for `ms`. Returns how many a second had ended by then. */
  measureCapacity(customers: number, ms: number): Promise<number>;
}

const repeatMs = 250;

export function createShoppers(orders: Client<OrderServiceDefinition>): Shoppers {
  const accepted: string[] = [];
  let begun = 0;
  let slowestMs = 0;
  const repeats = new Map<string, number>();

  async function place(): Promise<string> {
    const request = nextOrder(begun);
    begun += 1;
    const startMs = performance.now();
    for (;;) {
      try {
        const { id } = await orders.placeOrder(request);
        accepted.push(id);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        return id;
      } catch (error) {
        if (!isFault(error)) throw error;
        repeats.set(error.reason, (repeats.get(error.reason) ?? 0) + 1);
        await sleep(repeatMs);
      }
    }
  }

  return {
    accepted,
    repeats,
    get slowestMs() {
      return slowestMs;
    },
    async placeSteadily(perSecond, signal) {
      const placing: Promise<string>[] = [];
      const startMs = performance.now();
      while (!signal.aborted) {
        const due = ((performance.now() - startMs) / 1_000) * perSecond;
        while (placing.length < due) placing.push(place());
        await sleep(20);
      }
      await Promise.all(placing);
    },
    async measureCapacity(customers, ms) {
      const startMs = performance.now();
      let ended = 0;
      const shop = async () => {
        while (performance.now() - startMs < ms) {
          await Array.fromAsync(orders.watchOrder({ id: await place() }));
          ended += 1;
        }
      };
      await Promise.all(Array.from({ length: customers }, shop));
      return ended / ((performance.now() - startMs) / 1_000);
    },
  };
}

/** Whether a call failed on the way or in a process that died: its outcome is unknown. A refusal is not a fault. */
function isFault(error: unknown): error is MeshError {
  const faults = [
    Status.UNAVAILABLE,
    Status.DEADLINE_EXCEEDED,
    Status.RESOURCE_EXHAUSTED,
    Status.ABORTED,
    Status.INTERNAL,
    Status.UNKNOWN,
    Status.CANCELLED,
  ];
  return error instanceof MeshError && faults.includes(error.code);
}

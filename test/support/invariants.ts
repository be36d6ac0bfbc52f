import { join } from 'node:path';
import { expect } from 'vitest';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import type { AccountEvent } from '#gen/payment/v1/payment.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import {
  chargeFaults,
  isCompleted,
  mailFaults,
  type OrderFaults,
  shipmentFaults,
  stockFaults,
} from '../../scripts/support/order-faults.ts';
import type { SimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import { type EventHistory, readHistory } from './event-history.ts';
import { faultsOfMails } from './mails.ts';
import { type Shop, stocked } from './shop.ts';

/** What existed before the orders. */
export interface Stocked {
  readonly sku: string;
  readonly onHand: bigint;
  /** What each account had. */
  readonly funds: ReadonlyMap<string, bigint>;
}

const books: Stocked = { ...stocked, funds: new Map([['ada', stocked.funds]]) };

/** Stock and money match the final states of all orders: sold and paid once, or returned. No account paid for another order. */
export async function expectConserved(shop: Shop, orders: readonly Order[], before = books): Promise<void> {
  const item = await shop.inventory.getItem({ sku: before.sku });
  expectNoFaults(stockFaults(orders, new Map([[before.sku, before.onHand]]), [item]));
  const accounts = [...before.funds.keys()];
  expectNoFaults(chargeFaults(withAccounts(orders, accounts), await readAccounts(shop, accounts)));
  for (const [accountId, funds] of before.funds) {
    const completed = withAccounts(orders, [accountId]).filter(isCompleted);
    const spent = completed.reduce((sum, { total }) => sum + (total?.minorUnits ?? 0n), 0n);
    expect(await shop.accounts.getBalance({ accountId })).toMatchObject({ balance: { minorUnits: funds - spent } });
  }
}

/** Money moved as the final states require: one withdrawal if completed, otherwise none or one with its refund. */
export async function expectPaidOnce(shop: Shop, orders: readonly Order[]): Promise<void> {
  const ids = new Set(orders.map(({ id }) => `order:${id}`));
  const events = await readAccounts(shop, [...new Set(orders.map(({ userId }) => userId))]);
  const ofOrders = events.filter(({ reference }) => ids.has(reference));
  expectNoFaults(chargeFaults(orders, ofOrders));
}

/** The carrier ships each completed order once, and no other of these orders. */
export async function expectShippedOnce(
  carrier: Pick<SimulatedCarrier, 'liveShipments'>,
  orders: readonly Order[],
): Promise<void> {
  const ids = new Set(orders.map(({ id }) => id));
  const references = await carrier.liveShipments();
  const ofOrders = references.filter((id) => ids.has(id));
  expectNoFaults(shipmentFaults(orders, ofOrders));
}

/**
 * The users got one mail when an order was placed and one when it ended. A mail may be there twice if a process that sent mails was
 * killed.
 */
export async function expectNotifiedOnce(
  shop: Shop,
  dataDir: string,
  orders: readonly Order[],
  { wasKilled = false }: { readonly wasKilled?: boolean } = {},
): Promise<void> {
  const ofOrders = new Set(orders.map(({ id }) => id));
  const notifications = await eventually(
    async () => {
      const all = await Array.fromAsync(shop.notifications.listNotifications({}));
      const found = all.filter(({ orderId }) => ofOrders.has(orderId));
      expectNoFaults(mailFaults(orders, found));
      return found;
    },
    { timeoutMs: 30_000, intervalMs: 50 },
  );
  const ids = notifications.map(({ id }) => id);
  expect(faultsOfMails(join(dataDir, 'mail'), ids, wasKilled)).toEqual([]);
}

export function expectNoFaults({ lost, doubled }: OrderFaults): void {
  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
}

function withAccounts(orders: readonly Order[], accounts: readonly string[]): Order[] {
  return orders.filter(({ userId }) => accounts.includes(userId));
}

async function readAccounts({ accounts }: Shop, ids: readonly string[]): Promise<AccountEvent[]> {
  const found = ids.map((accountId) => Array.fromAsync(accounts.listAccountEvents({ accountId })));
  return (await Promise.all(found)).flat();
}

/** No dead letters and no sagas that need attention. */
export async function expectNothingStuck(shop: Shop): Promise<void> {
  expect(await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).toEqual([]);
  const sagas = await Array.fromAsync(shop.sagas.listSagas({ state: SagaState.SAGA_STATE_NEEDS_ATTENTION }));
  expect(sagas).toEqual([]);
}

/** Returns the expected number of events by `topic/key`, derived from the current state of each aggregate. */
export async function countExpectedEvents(
  shop: Shop,
  orders: readonly Order[],
  accounts: readonly string[] = ['ada', 'tom'],
): Promise<ReadonlyMap<string, number>> {
  const due = new Map<string, number>();
  for (const accountId of accounts) {
    const { version } = await shop.accounts.getBalance({ accountId });
    due.set(`payment.events/${accountId}`, Number(version));
  }
  for (const order of orders) {
    due.set(`order.events/${order.id}`, Number(order.etag));
    // STOCK_RESERVED, then STOCK_COMMITTED or STOCK_RELEASED.
    due.set(`inventory.events/${order.id}`, 2);
    due.set(`shipping.events/${order.id}`, shipmentEvents(order));
  }
  return due;
}

/** Booked, refused, or booked and cancelled; none if the charge was refused. */
function shipmentEvents({ state, failure }: Order): number {
  if (state === OrderState.ORDER_STATE_CANCELLED) return 2;
  return failure?.reason === 'INSUFFICIENT_FUNDS' ? 0 : 1;
}

/** Every change of every aggregate is in the embedded log, in order. To be called after the process has exited. */
export async function expectEveryEvent(dataDir: string, due: ReadonlyMap<string, number>): Promise<void> {
  expectHistory(await readHistory(dataDir), due);
}

/** Every change of every aggregate is in a history, in order. */
export function expectHistory(history: EventHistory, due: ReadonlyMap<string, number>): void {
  for (const [aggregate, versions] of history) expect(versions, aggregate).toEqual(upTo(versions.length));
  for (const [aggregate, count] of due) expect(history.get(aggregate) ?? [], aggregate).toEqual(upTo(count));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

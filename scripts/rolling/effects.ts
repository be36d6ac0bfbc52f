import { setTimeout as sleep } from 'node:timers/promises';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import { concurrently, counts } from '../load/prepare.ts';
import type { OrderShop } from './orders.ts';

/** Money and stock before the orders. */
export interface Before {
  readonly orders: ReadonlySet<string>;
  readonly stock: ReadonlyMap<string, bigint>;
}

export async function readBefore(shop: OrderShop): Promise<Before> {
  const orders = await Array.fromAsync(shop.orders.listOrders({}));
  return { orders: new Set(orders.map(({ id }) => id)), stock: await readStock(shop) };
}

async function readStock({ inventory }: OrderShop): Promise<ReadonlyMap<string, bigint>> {
  const skus = Array.from({ length: counts.items }, (_, index) => `load-${index}`);
  const { items } = await inventory.batchGetItems({ skus });
  return new Map(items.map(({ sku, onHand }) => [sku, onHand]));
}

/** What must be 0 after all orders have ended. */
export interface Effects {
  /** Accepted orders that do not exist or did not complete; charges, shipments, mails and stock that are missing. */
  readonly lost: readonly string[];
  /** Charges, mails and stock that were taken twice. */
  readonly doubled: readonly string[];
  readonly deadLetters: readonly string[];
  readonly findings: readonly string[];
  readonly orders: number;
}

const settleMs = 60_000;
const pollMs = 500;

/** Waits until all orders have ended, and reads what they did. Mails may take a moment more. */
export async function readEffects(shop: OrderShop, placed: readonly string[], before: Before): Promise<Effects> {
  const lateMs = Date.now() + settleMs;
  for (;;) {
    const effects = await readOnce(shop, placed, before);
    if (effects.lost.length === 0 || Date.now() > lateMs) return effects;
    await sleep(pollMs);
  }
}

async function readOnce(shop: OrderShop, placed: readonly string[], before: Before): Promise<Effects> {
  const orders = (await Array.fromAsync(shop.orders.listOrders({}))).filter(({ id }) => !before.orders.has(id));
  const found = new Set(orders.map(({ id }) => id));
  const completed = orders.filter(({ state }) => state === OrderState.ORDER_STATE_COMPLETED);
  const lost = placed.filter((id) => !found.has(id)).map((id) => `order ${id}`);
  const doubled: string[] = [];
  for (const { id, state } of orders) {
    if (state !== OrderState.ORDER_STATE_COMPLETED) lost.push(`order ${id} is ${orderStateToJSON(state)}`);
  }
  const count = (what: string, times: number, wanted = 1) => {
    if (times < wanted) lost.push(what);
    if (times > wanted) doubled.push(`${what} × ${times}`);
  };
  const charges = await countCharges(shop);
  const mails = await countMails(shop);
  for (const { id } of completed) {
    count(`charge of order ${id}`, charges.get(id) ?? 0);
    for (const template of ['order-placed', 'order-completed'])
      count(`mail ${template} of order ${id}`, mails.get(`${id} ${template}`) ?? 0);
  }
  const shipments = await concurrently(completed, ({ id }) =>
    shop.shipping.getShipment({ orderId: id }).catch(() => id),
  );
  for (const missing of shipments) if (typeof missing === 'string') lost.push(`shipment of order ${missing}`);
  const sold = soldOf(completed);
  const stock = await readStock(shop);
  for (const [sku, onHand] of before.stock)
    count(`stock of item ${sku}`, Number(onHand - (stock.get(sku) ?? 0n)), sold.get(sku) ?? 0);
  return { lost, doubled, orders: completed.length, ...(await readFaults(shop)) };
}

function soldOf(orders: readonly Order[]): ReadonlyMap<string, number> {
  const sold = new Map<string, number>();
  for (const { sku, quantity } of orders.flatMap(({ items }) => items)) sold.set(sku, (sold.get(sku) ?? 0) + quantity);
  return sold;
}

/** Returns how often each order was charged, by its id. */
async function countCharges({ accounts }: OrderShop): Promise<ReadonlyMap<string, number>> {
  const ids = Array.from({ length: counts.accounts }, (_, index) => `load-${index}`);
  const charges = new Map<string, number>();
  await concurrently(ids, async (accountId) => {
    for await (const { type, reference } of accounts.listAccountEvents({ accountId })) {
      const [, order] = /^order:(.+)$/.exec(reference) ?? [];
      if (order === undefined || type !== 'MONEY_WITHDRAWN') continue;
      charges.set(order, (charges.get(order) ?? 0) + 1);
    }
  });
  return charges;
}

/** Returns how often each mail was sent, by order and template. */
async function countMails({ notifications }: OrderShop): Promise<ReadonlyMap<string, number>> {
  const mails = new Map<string, number>();
  for await (const { orderId, template, state } of notifications.listNotifications({})) {
    if (state !== NotificationState.NOTIFICATION_STATE_SENT) continue;
    const key = `${orderId} ${template}`;
    mails.set(key, (mails.get(key) ?? 0) + 1);
  }
  return mails;
}

async function readFaults({ deadLetters, audits }: OrderShop) {
  const letters = await Array.fromAsync(deadLetters.listDeadLetters({}));
  const findings: string[] = [];
  for await (const { report } of audits.runAudit({ checks: [] })) {
    if (report?.$case === 'finding') findings.push(`${report.value.check}: ${report.value.message}`);
    if (report?.$case === 'check' && report.value.error !== '')
      findings.push(`${report.value.name} could not finish: ${report.value.error}`);
  }
  return { deadLetters: letters.map(({ id, reason }) => `${id}: ${reason}`), findings };
}

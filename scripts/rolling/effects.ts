import { setTimeout as sleep } from 'node:timers/promises';
import type { Item } from '#gen/inventory/v1/inventory.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { concurrently, counts } from '../load/prepare.ts';
import {
  acceptedFaults,
  chargeFaults,
  isCompleted,
  isEnded,
  joinFaults,
  mailFaults,
  type OrderFaults,
  shipmentFaults,
  stockFaults,
} from '../support/order-faults.ts';
import type { OrderShop } from './orders.ts';

/** What the mesh has before the orders that are checked, also of earlier runs that failed. */
export interface Before {
  readonly orders: ReadonlySet<string>;
  readonly stock: ReadonlyMap<string, Pick<Item, 'onHand' | 'reserved'>>;
  /** Their ids. */
  readonly deadLetters: ReadonlySet<string>;
  readonly findings: ReadonlySet<string>;
}

/** The shipments of the carrier, by the ids of their orders. */
export type LiveShipments = () => Promise<readonly string[]>;

/** Waits until the orders of an earlier run have ended, at most a minute. */
export async function readBefore(shop: OrderShop, signal?: AbortSignal): Promise<Before> {
  const lateMs = Date.now() + settleMs;
  let orders = await Array.fromAsync(shop.orders.listOrders({}));
  while (!orders.every(isEnded) && Date.now() < lateMs) {
    await sleep(pollMs, undefined, { signal });
    orders = await Array.fromAsync(shop.orders.listOrders({}));
  }
  return {
    orders: new Set(orders.map(({ id }) => id)),
    stock: new Map((await readItems(shop)).map((item) => [item.sku, item])),
    deadLetters: new Set((await listDeadLetters(shop)).map(({ id }) => id)),
    findings: new Set(await audit(shop)),
  };
}

async function readItems({ inventory }: OrderShop): Promise<readonly Item[]> {
  const skus = Array.from({ length: counts.items }, (_, index) => `load-${index}`);
  const { items } = await inventory.batchGetItems({ skus });
  return items;
}

/** What must be 0 after all orders have ended. */
export interface Effects extends OrderFaults {
  readonly deadLetters: readonly string[];
  readonly findings: readonly string[];
  readonly orders: number;
}

/** What PlaceOrder returned. */
export interface Placed {
  readonly ids: readonly string[];
  readonly failedCalls: number;
}

const settleMs = 60_000;
const pollMs = 500;

/** Waits until all orders have ended, and reads what they did since `before`. Mails may take a moment more. */
export async function readEffects(
  shop: OrderShop,
  liveShipments: LiveShipments,
  placed: Placed,
  before: Before,
  signal?: AbortSignal,
): Promise<Effects> {
  const lateMs = Date.now() + settleMs;
  for (;;) {
    const orders = (await Array.fromAsync(shop.orders.listOrders({}))).filter(({ id }) => !before.orders.has(id));
    const faults = joinFaults(
      acceptedFaults(orders, placed.ids, placed.failedCalls),
      refusals(orders),
      await readFaults(shop, liveShipments, orders, before),
    );
    if (faults.lost.length > 0 && Date.now() < lateMs) {
      await sleep(pollMs, undefined, { signal });
      continue;
    }
    const completed = orders.filter(isCompleted).length;
    const letters = (await listDeadLetters(shop)).filter(({ id }) => !before.deadLetters.has(id));
    const findings = (await audit(shop)).filter((finding) => !before.findings.has(finding));
    return { ...faults, orders: completed, deadLetters: letters.map(({ id, reason }) => `${id}: ${reason}`), findings };
  }
}

/** All users have money and all items are in stock, so an order that does not complete is lost. */
function refusals(orders: readonly Order[]): OrderFaults {
  const lost = orders.flatMap(({ id, failure }) => (failure ? [`order ${id}, refused with ${failure.reason}`] : []));
  return { lost, doubled: [] };
}

async function readFaults(
  shop: OrderShop,
  liveShipments: LiveShipments,
  orders: readonly Order[],
  before: Before,
): Promise<OrderFaults> {
  const isEarlier = (id: string) => before.orders.has(id);
  const accounts = Array.from({ length: counts.accounts }, (_, index) => `load-${index}`);
  const events = await concurrently(accounts, (accountId) =>
    Array.fromAsync(shop.accounts.listAccountEvents({ accountId })),
  );
  const ofOrders = events.flat().filter(({ reference }) => !isEarlier(reference.replace(/^order:/, '')));
  const shipments = (await liveShipments()).filter((id) => !isEarlier(id));
  const items = (await readItems(shop)).map(({ sku, onHand, reserved }) => {
    return { sku, onHand, reserved: reserved - (before.stock.get(sku)?.reserved ?? 0n) };
  });
  const notifications = await Array.fromAsync(shop.notifications.listNotifications({}));
  return joinFaults(
    chargeFaults(orders, ofOrders),
    shipmentFaults(orders, shipments),
    mailFaults(orders, notifications),
    stockFaults(orders, new Map([...before.stock].map(([sku, { onHand }]) => [sku, onHand])), items),
  );
}

const listDeadLetters = ({ deadLetters }: OrderShop) => Array.fromAsync(deadLetters.listDeadLetters({}));

async function audit({ audits }: OrderShop): Promise<readonly string[]> {
  const findings: string[] = [];
  for await (const { report } of audits.runAudit({ checks: [] })) {
    if (report?.$case === 'finding') findings.push(`${report.value.check}: ${report.value.message}`);
    if (report?.$case === 'check' && report.value.error !== '')
      findings.push(`${report.value.name} could not finish: ${report.value.error}`);
  }
  return findings;
}

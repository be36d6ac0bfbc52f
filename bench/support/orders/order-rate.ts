import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { MeshError } from '../../../mesh/errors/mesh-error.ts';
import type { StartedProcess } from '../../../mesh/testing/servers/start-process.ts';
import type { Shop } from '../../../test/support/shop.ts';
import { runConcurrently } from '../concurrency.ts';
import { percentile } from '../rates.ts';
import type { LoadedServer } from '../server.ts';
import { openShop, orderOf } from '../shop.ts';
import { mailCounter } from './mail-count.ts';

/** How many orders were completed per second by the clock, and the processor time of each in milliseconds. */
export interface OrderRate {
  readonly perSecond: number;
  readonly cpuMs: number;
}

/** A mesh with a shop, and how many of its orders are completed. */
export interface OrderingMesh {
  readonly server: Pick<LoadedServer, 'client' | 'cpuSeconds'>;
  readonly shop: Shop;
  /** Returns how many mails it has sent. */
  readonly sentMails: () => number;
  completed: number;
}

const defaultCallers = 64;
const warmUpMs = 5_000;
const ordersPerWarmUp = 100;
// Seldom, since what it costs is part of what is measured.
const checkEveryMs = 100;
const mailsOfOrder = 2;
const maxAttempts = 5;
const followLimitMs = 120_000;

/** Opens a shop on a server without orders. */
export async function openOrderingMesh(
  server: StartedProcess & OrderingMesh['server'],
  dataDir: string,
): Promise<OrderingMesh> {
  return { server, shop: await openShop(server), sentMails: mailCounter(join(dataDir, 'mail')), completed: 0 };
}

/** Completes orders for 5 s, so every contender has compiled what it runs. */
export async function warmUp(complete: (orders: number) => Promise<unknown>): Promise<void> {
  for (const endMs = performance.now() + warmUpMs; performance.now() < endMs; ) await complete(ordersPerWarmUp);
}

/** Completes orders of 64 callers, from the first PlaceOrder until their mails are out and the reports have them. */
export async function measureOrders(mesh: OrderingMesh, orders: number, callers = defaultCallers): Promise<OrderRate> {
  const [startMs, cpuSeconds] = [performance.now(), mesh.server.cpuSeconds()];
  await completeOrders(mesh.shop, orders, callers);
  mesh.completed += orders;
  await followed(mesh);
  return {
    perSecond: orders / ((performance.now() - startMs) / 1_000),
    cpuMs: ((mesh.server.cpuSeconds() - cpuSeconds) * 1_000) / orders,
  };
}

/** Places orders and waits until all are COMPLETED. */
export async function completeOrders(
  { orders }: Shop,
  count: number,
  callers = defaultCallers,
  order = orderOf,
): Promise<void> {
  const placed = await runConcurrently(count, callers, (index) => place(orders, order(index)));
  const states = await runConcurrently(count, callers, (index) => stateAtEnd(orders, placed[index]?.id ?? ''));
  const completed = states.filter((state) => state === OrderState.ORDER_STATE_COMPLETED).length;
  if (completed !== count) throw new Error(`only ${completed} of ${count} orders completed`);
}

/** The times from PlaceOrder until an order is accepted and until it is COMPLETED, in milliseconds. */
export interface OrderLatency {
  readonly accepted: { readonly p50: number; readonly p99: number };
  readonly completed: { readonly p50: number; readonly p99: number };
}

/** Places orders at a fixed rate, even if earlier ones are not completed yet. */
export async function measureLatency(mesh: OrderingMesh, orders: number, perSecond: number): Promise<OrderLatency> {
  const [accepted, completed]: [number[], number[]] = [[], []];
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: orders }, async (_, index) => {
      const dueMs = startMs + (index * 1_000) / perSecond;
      await delay(Math.max(0, dueMs - performance.now()));
      const sentMs = performance.now();
      const { id } = await place(mesh.shop.orders, orderOf(index));
      accepted.push(performance.now() - sentMs);
      const state = await stateAtEnd(mesh.shop.orders, id);
      completed.push(performance.now() - sentMs);
      if (state !== OrderState.ORDER_STATE_COMPLETED) throw new Error(`order ${id} ended as ${state}`);
    }),
  );
  mesh.completed += orders;
  await followed(mesh);
  return { accepted: percentilesOf(accepted), completed: percentilesOf(completed) };
}

function percentilesOf(values: readonly number[]) {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) };
}

/** Repeats a request that was not answered in time, as callers do: it is the same order. */
async function place(orders: Shop['orders'], order: ReturnType<typeof orderOf>): Promise<Order> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await orders.placeOrder(order);
    } catch (error) {
      const isLate = error instanceof MeshError && error.code === Status.DEADLINE_EXCEEDED;
      if (!isLate || attempt === maxAttempts) throw error;
    }
  }
}

async function stateAtEnd(orders: Shop['orders'], id: string): Promise<OrderState | undefined> {
  let last: OrderState | undefined;
  for await (const { state } of orders.watchOrder({ id })) last = state;
  return last;
}

/** Waits until the mails of all completed orders are written and the reports count them. */
async function followed({ server, sentMails, completed }: OrderingMesh): Promise<void> {
  const reports = server.client(OrderReportServiceContract);
  const counted = async () => {
    // One item is in every order.
    for await (const { orderCount } of reports.listBestSellers({ limit: 1 })) return Number(orderCount);
    return 0;
  };
  for (const endMs = performance.now() + followLimitMs; performance.now() < endMs; await delay(checkEveryMs)) {
    if ((await counted()) >= completed && sentMails() >= mailsOfOrder * completed) return;
  }
  throw new Error(`only ${await counted()} orders in reports and ${sentMails()} mails of ${completed} orders`);
}

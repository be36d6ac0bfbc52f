import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { Start } from '#gen/events/v1/events.ts';
import type { StartedProcess } from '../../../mesh/testing/servers/start-process.ts';
import { bookOrder, euros, shopOf } from '../../support/shop.ts';
import type { Outside, Send } from './outside.ts';

/** The account that callers fill during a run. */
export const savings = 'eve';

const topics = ['order.events', 'payment.events', 'inventory.events', 'shipping.events'];

/** Orders that complete, are refused by the carrier, or cannot be paid. */
export const kindsOfOrders: readonly (Parameters<typeof bookOrder>[0] & object)[] = [
  { quantity: 1 },
  { quantity: 1, countryCode: 'AQ' },
  { quantity: 1 },
  { quantity: 1, userId: 'tom' },
];

/** How many callers do what, until they are stopped. */
export interface Load {
  readonly orders: number;
  readonly savers: number;
  readonly readers: number;
  /** Whether each order is watched, and each topic read. */
  readonly isWatched: boolean;
}

/** Calls a recorded mesh until `signal` aborts or it dies, and notes all that is seen. */
export async function putLoad(mesh: StartedProcess, outside: Outside, load: Load, signal: AbortSignal): Promise<void> {
  const shop = shopOf(mesh);
  const options = { signal };
  const send = <T>(title: string, request: Send<T>) => outside.send(title, request, shop, options);
  const watching: Promise<void>[] = [];

  const watch = async (id: string) => {
    for await (const order of shop.orders.watchOrder({ id }, options)) outside.order(order);
  };
  const subscribe = async (topic: string) => {
    const from = { $case: 'start', value: Start.START_BEGINNING } as const;
    for await (const event of mesh.client(EventServiceContract).subscribe({ topic, from }, options))
      outside.event(event);
  };
  const order = async (index: number) => {
    const request = bookOrder(kindsOfOrders[index % kindsOfOrders.length]);
    const placed = await send('PlaceOrder', ({ orders }, given) => orders.placeOrder(request, given));
    outside.order(placed);
    if (load.isWatched) watching.push(watch(placed.id).catch(ignore));
    if (index % 5 !== 4) return;
    const cancel = { requestId: randomUUID(), id: placed.id };
    outside.order(await send('CancelOrder', ({ orders }, given) => orders.cancelOrder(cancel, given)));
  };
  const save = async (index: number) => {
    const deposit = { requestId: randomUUID(), accountId: savings, amount: euros(BigInt(index + 1)) };
    outside.account(await send('Deposit', ({ accounts }, given) => accounts.deposit(deposit, given)));
    const id = `user-${randomUUID()}`;
    const creation = { requestId: randomUUID(), user: { id, name: id, email: `${id}@example.com` } };
    outside.user(await send('CreateUser', ({ users }, given) => users.createUser(creation, given)));
  };
  const read = async () => {
    for (const accountId of [savings, 'ada']) outside.account(await shop.accounts.getBalance({ accountId }, options));
    for await (const found of shop.orders.listOrders({}, options)) outside.order(found);
  };
  const repeat = async (run: (index: number) => Promise<void>, pauseMs: number) => {
    for (let index = 0; !signal.aborted; index++) {
      await run(index);
      await delay(pauseMs, undefined, options);
    }
  };
  const callers = (count: number, run: (index: number) => Promise<void>, pauseMs: number) =>
    Array.from({ length: count }, () => repeat(run, pauseMs).catch(ignore));

  const account = { requestId: randomUUID(), accountId: savings, currencyCode: 'EUR' };
  outside.account(await send('OpenAccount', ({ accounts }, given) => accounts.openAccount(account, given)));
  if (load.isWatched) watching.push(...topics.map((topic) => subscribe(topic).catch(ignore)));
  await Promise.all([
    ...callers(load.orders, order, 100),
    ...callers(load.savers, save, 50),
    ...callers(load.readers, read, 5),
  ]);
  await Promise.all(watching);
}

function ignore(): void {
  // Calls fail when the process dies, and when the load ends.
}

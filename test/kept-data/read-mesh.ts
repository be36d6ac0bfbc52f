import { createHash } from 'node:crypto';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start } from '#gen/events/v1/events.ts';
import { Item, Reservation } from '#gen/inventory/v1/inventory.ts';
import { Notification } from '#gen/notification/v1/notification.ts';
import { DeadLetter, Saga } from '#gen/ops/v1/ops.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { Projection } from '#gen/ops/v1/projection.ts';
import { Order } from '#gen/order/v1/order.ts';
import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { LedgerBalance, Statement } from '#gen/payment/v1/ledger.ts';
import { Account, AccountEvent, Payment } from '#gen/payment/v1/payment.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { BestSeller, OrderSummary } from '#gen/report/v1/report.ts';
import { User } from '#gen/user/v1/user.ts';
import type { Runtime } from '../../mesh/app/service/service.ts';
import { shopOf } from '../support/shop.ts';

/** A message as proto JSON, with 64-bit integers as strings. */
export type Json = Readonly<Record<string, unknown>>;

/** The number of events in a partition and their hash. */
export interface PartitionDigest {
  readonly events: number;
  readonly sha256: string;
}

/** Everything that a mesh returns about its data. */
export type MeshContent = Awaited<ReturnType<typeof readMesh>>;

/** Reads all data of a mesh except the events of its log. */
export async function readMesh(mesh: Pick<Runtime, 'client'>) {
  const shop = shopOf(mesh);
  const ledger = mesh.client(LedgerServiceContract);
  const report = mesh.client(OrderReportServiceContract);
  const users = await list(shop.users.listUsers({}), User);
  const balances = await list(ledger.listBalances({}), LedgerBalance);
  const accountIds = balances.map(({ accountId }) => String(accountId)).filter((id) => !id.startsWith('@'));
  const ofEach = async <T>(ids: readonly string[], read: (id: string) => Promise<T>): Promise<Record<string, T>> => {
    const entries: [string, T][] = [];
    for (const id of ids) entries.push([id, await read(id)]);
    return Object.fromEntries(entries);
  };
  return {
    users,
    items: await list(shop.inventory.listItems({}), Item),
    reservations: await list(shop.inventory.listReservations({}), Reservation),
    accounts: await ofEach(
      accountIds,
      async (accountId) => Account.toJSON(await shop.accounts.getBalance({ accountId })) as Json,
    ),
    accountEvents: await ofEach(accountIds, (accountId) =>
      list(shop.accounts.listAccountEvents({ accountId }), AccountEvent),
    ),
    payments: await list(shop.payments.listPayments({}), Payment),
    orders: await list(shop.orders.listOrders({}), Order),
    sagas: await list(shop.sagas.listSagas({}), Saga),
    notifications: await list(shop.notifications.listNotifications({}), Notification),
    deadLetters: await list(shop.deadLetters.listDeadLetters({}), DeadLetter),
    projections: await list(mesh.client(ProjectionServiceContract).listProjections({}), Projection),
    balances,
    statements: await ofEach(accountIds, (accountId) => list(ledger.listStatements({ accountId }), Statement)),
    bestSellers: await list(report.listBestSellers({}), BestSeller),
    userOrders: await ofEach(
      users.map(({ id }) => String(id)),
      (userId) => list(report.listUserOrders({ userId }), OrderSummary),
    ),
  };
}

async function list<T>(stream: AsyncIterable<T>, type: { toJSON(message: T): unknown }): Promise<Json[]> {
  return (await Array.fromAsync(stream)).map((message) => type.toJSON(message) as Json);
}

/** Reads the first `count` events of a topic and digests them by partition: `0`, `1`, ... */
export async function digestTopic(
  mesh: Pick<Runtime, 'client'>,
  topic: string,
  counts: ReadonlyMap<string, number>,
): Promise<Record<string, PartitionDigest>> {
  const hashes = new Map([...counts.keys()].map((partition) => [partition, createHash('sha256')]));
  const left = new Map(counts);
  let events = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const enough = new AbortController();
  const from = { $case: 'start', value: Start.START_BEGINNING } as const;
  const reading = mesh.client(EventServiceContract).subscribe({ topic, from }, { signal: enough.signal });
  for await (const event of events === 0 ? [] : reading) {
    const partition = String(event.partition);
    const leftHere = left.get(partition) ?? 0;
    if (leftHere === 0) continue;
    left.set(partition, leftHere - 1);
    hashes.get(partition)?.update(textOf(event));
    events -= 1;
    if (events === 0) break;
  }
  return Object.fromEntries(
    [...counts].map(([partition, count]) => [
      partition,
      { events: count, sha256: hashes.get(partition)?.digest('hex') ?? '' },
    ]),
  );
}

/** The first event of a topic with a key. */
export async function firstEvent(mesh: Pick<Runtime, 'client'>, topic: string, key: string): Promise<EventRecord> {
  const from = { $case: 'start', value: Start.START_BEGINNING } as const;
  for await (const event of mesh.client(EventServiceContract).subscribe({ topic, from, key })) return event;
  throw new Error(`the topic ${topic} has no event ${key}`);
}

function textOf({ topic, partition, offset, key, time, headers, payload }: EventRecord): string {
  const sorted = Object.entries(headers).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const value = Buffer.from(payload).toString('base64');
  return `${JSON.stringify([topic, partition, String(offset), key, time?.getTime(), sorted, value])}\n`;
}

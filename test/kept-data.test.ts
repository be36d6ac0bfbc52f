import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type Order, orderStateToJSON } from '#gen/order/v1/order.ts';
import { partitionOf } from '../mesh/events/log/murmur2.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { postgres } from '../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';
import type { StartedProcess } from '../mesh/testing/servers/start-process.ts';
import { expectSameGoods, expectSameOrFurther } from './kept-data/compare-content.ts';
import type { Expectation } from './kept-data/expectation.ts';
import { callsOf } from './kept-data/first-answers.ts';
import {
  expectDelivered,
  expectEveryEvent,
  expectVersions,
  findings,
  ids,
  redriveSaga,
  startAt,
  subjects,
} from './kept-data/kept-mesh.ts';
import { keptCommits, type OpenedData, openKeptData } from './kept-data/open-kept-data.ts';
import { firstEvent, type MeshContent, readMesh } from './kept-data/read-mesh.ts';
import { expectConserved, expectNotifiedOnce, expectPaidOnce } from './support/invariants.ts';
import { type Shop, shopOf, watchToEnd } from './support/shop.ts';

const minuteMs = 60_000;
const yearMs = 365 * 24 * 60 * minuteMs;

describe.each(keptCommits)('the data kept by the program of %s', (commit) => {
  describe('in SQLite', () => describeKeptData(() => openKeptData(commit, 'sqlite')));

  it('gives the same answers after a clean stop, in SQLite', async () => {
    await using kept = await openKeptData(commit, 'stopped');
    await using mesh = await startAt(kept, kept.expected.frozenAtMs + minuteMs);
    expect(await readMesh(mesh)).toMatchObject(kept.expected.content);
    await expectEveryEvent(mesh, kept.expected);
    expect(await findings(mesh)).toEqual([]);
  });

  describeWithServer(postgres, 'in PostgreSQL', () => describeKeptData(() => openKeptData(commit, 'postgres')));
});

/** Tests a kept folder a minute after it was written, when nothing has expired, and a year after. */
function describeKeptData(open: () => Promise<OpenedData>): void {
  describe('a minute later', () => describeAMinuteLater(open));

  it('drives every accepted order to its end a year later', async () => {
    await using kept = await open();
    await using mesh = await startAt(kept, kept.expected.frozenAtMs + yearMs);
    const shop = shopOf(mesh);
    for (const [id, { end, about }] of Object.entries(kept.expected.ends)) {
      if (end !== 'NEEDS_ATTENTION') await watchToEnd(shop.orders, id);
      expect(nameOf(await shop.orders.getOrder({ id })), `${id}, ${about}`).toBe(end);
    }
    for (const [id, end] of Object.entries(kept.expected.redrivenEnds)) {
      await redriveSaga(shop, id);
      await watchToEnd(shop.orders, id);
      expect(nameOf(await shop.orders.getOrder({ id })), id).toBe(end);
    }
    const orders = await Array.fromAsync(shop.orders.listOrders({}));
    await expectConserved(shop, withoutEves(orders));
    await expectPaidOnce(shop, orders);
    // Eve's mails were refused permanently.
    await expectNotifiedOnce(shop, kept.dataDir, withoutEves(orders), { wasKilled: true });
    const { users, accountEvents, deadLetters } = await readMesh(mesh);
    expect(users).toMatchObject(kept.expected.content.users);
    for (const [id, events] of Object.entries(kept.expected.content.accountEvents))
      expect(accountEvents[id]?.slice(0, events.length), id).toMatchObject(events);
    const left = kept.expected.content.deadLetters.filter(({ source }) => source !== 'DEAD_LETTER_SOURCE_SAGA');
    expect(deadLetters).toMatchObject(left);
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
    await expectDelivered(kept, orders);
  }, 60_000);
}

function describeAMinuteLater(open: () => Promise<OpenedData>): void {
  let kept: OpenedData;
  let expected: Expectation;
  let mesh: StartedProcess;
  let shop: Shop;
  let atStart: MeshContent;

  beforeAll(async () => {
    kept = await open();
    ({ expected } = kept);
    mesh = await startAt(kept, expected.frozenAtMs + minuteMs);
    shop = shopOf(mesh);
    atStart = await readMesh(mesh);
  });
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    await kept?.[Symbol.asyncDispose]();
  });

  const orders = () => Array.fromAsync(shop.orders.listOrders({}));

  it('has every user, item, account, payment and dead letter', () => expectSameGoods(atStart, expected.content));

  it('has every order, saga and mail, in the same or a later state', () => {
    expect(ids(atStart.orders)).toEqual(Object.keys(expected.ends).toSorted());
    expectSameOrFurther(atStart, expected.content);
  });

  it('reads every event of the log at its offset', async () => {
    await expectEveryEvent(mesh, expected);
  });

  it('returns the first response to a repeated call', async () => {
    const calls = callsOf(shop);
    for (const { method, request, answer } of expected.calls)
      expect(await calls[method](request), method).toEqual(answer);
  });

  it('continues the versions of a deleted user', async () => {
    const { etag } = await shop.users.createUser({ user: { id: 'max', name: 'Max', email: 'max@example.com' } });
    expect(Number(etag)).toBeGreaterThan(2);
  });

  it('drives every accepted order to its end', async () => {
    await Promise.all(
      Object.entries(expected.ends).map(async ([id, { end, about }]) => {
        if (end !== 'NEEDS_ATTENTION') await watchToEnd(shop.orders, id);
        expect(nameOf(await shop.orders.getOrder({ id })), `${id}, ${about}`).toBe(end);
      }),
    );
  });

  it('finishes orders that waited for an operator once they are redriven', async () => {
    for (const [id, end] of Object.entries(expected.redrivenEnds)) {
      await redriveSaga(shop, id);
      await watchToEnd(shop.orders, id);
      expect(nameOf(await shop.orders.getOrder({ id })), id).toBe(end);
    }
  });

  it('processes dead letters on redrive if that is possible now, and keeps the rest', async () => {
    await shop.users.createUser({ user: { id: 'nobody-yet', name: 'Nobody', email: 'nobody@example.com' } });
    const listed = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
    const redriven = await shop.deadLetters.redriveDeadLetters({ ids: ids(listed) });
    const { redrivenIds, failures, missingIds } = redriven;
    // Later events of a parked stream are redriven with the first one, so they are missing when their turn comes.
    expect([...redrivenIds, ...missingIds, ...ids(failures)].toSorted()).toEqual(ids(listed));
    for (const { reason } of failures) expect(reason).toBe('UNDECODABLE');
    const undecodable = expected.content.deadLetters.filter(({ reason }) => reason === 'UNDECODABLE');
    // A task goes back to its queue, and from there to the dead letters.
    await eventually(async () => {
      const left = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
      expect(subjects(left)).toEqual(subjects(undecodable));
    });
  });

  it('has neither lost nor duplicated money, stock or mails', async () => {
    const all = await orders();
    await expectConserved(shop, withoutEves(all));
    await expectPaidOnce(shop, all);
    await expectNotifiedOnce(shop, kept.dataDir, all, { wasKilled: true });
  });

  it('is consistent, and its projections match its events', async () => {
    await eventually(async () => expect(await findings(mesh)).toEqual([]));
    await eventually(async () => {
      const { orders: found, userOrders } = await readMesh(mesh);
      const summaries = Object.values(userOrders).flat();
      expect(summaries.map(({ orderId, state }) => [orderId, state]).toSorted()).toEqual(
        found.map(({ id, state }) => [id, state]).toSorted(),
      );
    });
  });

  it('creates no dead letter for a discarded event that is delivered again', async () => {
    const events = mesh.client(EventServiceContract);
    const { topic, key, type, id, partition, payload } = await firstEvent(mesh, 'order.events', 'foreign-1');
    const json = Buffer.from(payload).toString();
    await events.publish({ requestId: id, topic, key, type, value: { $case: 'json', value: json } });
    // An undecodable event after it in its partition shows when it has been processed.
    const names = Array.from({ length: 1000 }, (_, count) => `last-${count}`);
    const last = names.find((name) => partitionOf(name, 12) === partition) ?? '';
    await events.publish({ topic, key: last, type, value: { $case: 'payload', value: Uint8Array.of(0xff) } });
    const found = await eventually(async () => {
      const listed = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
      expect(listed.filter(({ subjectId }) => subjectId === last)).toHaveLength(2);
      return listed;
    });
    expect(subjects(found)).not.toContain(key);
  });

  it('ships each completed order once, and has every event in the log when it stops', async () => {
    const all = await orders();
    const due = new Map(all.map(({ id, etag }) => [`order.events/${id}`, Number(etag)]));
    for await (const { id, etag } of shop.users.listUsers({})) due.set(`user.events/${id}`, Number(etag));
    for (const accountId of Object.keys(expected.content.accounts)) {
      const { version } = await shop.accounts.getBalance({ accountId });
      due.set(`payment.events/${accountId}`, Number(version));
    }
    // ITEM_CREATED and two STOCK_ADJUSTED, one of which the log refused.
    due.set('inventory.events/pen', 3);
    for (const { orderId } of expected.content.reservations) due.set(`inventory.events/${orderId}`, 2);
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
    await expectDelivered(kept, all);
    await expectVersions(kept, due);
  });
}

/** Returns only orders that `expectConserved` covers: not Eve's, which are for lamps. */
function withoutEves(orders: readonly Order[]): Order[] {
  return orders.filter(({ userId }) => userId !== 'eve');
}

function nameOf({ state }: Order): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}

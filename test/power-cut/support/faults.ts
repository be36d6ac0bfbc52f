import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start } from '#gen/events/v1/events.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { isEnded } from '../../../scripts/support/order-faults.ts';
import { allServices } from '../../../services/all.ts';
import * as invariants from '../../support/invariants.ts';
import { mboxEntry } from '../../support/mails.ts';
import { type Shop, shopOf, watchToEnd } from '../../support/shop.ts';
import { type OutsideCarrier, startOutsideCarrier, withEmbeddedCarrier } from './carrier.ts';
import { type AcceptedMail, startMailServer } from './mail-server.ts';
import type { ObservedRun } from './observed-run.ts';
import { type Knowledge, knownAt } from './outside.ts';
import { rebuild } from './rebuild.ts';
import type { Variant } from './variants.ts';

/** Runs a check and notes its failure under its title. */
type Check = (title: string, run: () => Promise<void>) => Promise<void>;

/**
 * Starts a mesh on what a disk may hold if the power fails when the journal of a run has the size `position`, and returns
 * what is wrong, one line each: what was seen outside and is gone, what has no cause, and what does not end.
 */
export async function faultsAfter(run: ObservedRun, position: number, variant: Variant): Promise<string[]> {
  const faults: string[] = [];
  const check: Check = async (title, body) => {
    try {
      await body();
    } catch (error) {
      faults.push(`${title}: ${error instanceof Error ? error.message.slice(0, 600) : error}`);
    }
  };
  await using folder = await tempFolder();
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  rebuild(run, position, variant, disk);
  const dataDir = join(disk, 'data');
  const mailboxes = mailboxesIn(dataDir);
  const known = knownAt(run.known, position);
  await using carrier = await startOutsideCarrier(
    folder.path,
    known.bookings.map(({ seen }) => seen),
  );
  await using mails = run.mails === 'smtp' ? await startMailServer(keepIn(dataDir, known)) : undefined;
  const embedded = run.carrier === 'embedded' ? withEmbeddedCarrier() : undefined;
  const environment = {
    DATA_DIR: dataDir,
    ...(!embedded && { CARRIER_URL: carrier.url }),
    ...(mails && { MAIL_URL: mails.url }),
  };
  let mesh: TestMesh | undefined;
  await check('start', async () => {
    mesh = await startMesh(embedded?.services ?? allServices, environment);
  });
  if (!mesh) return faults;
  const due = await checkMesh(mesh, { carrier: embedded ?? carrier, known, dataDir, check });
  await mesh.stop();
  // Their last mails may be torn: nothing was written behind these.
  await check('mailboxes of before', async () => expect(mailboxesIn(dataDir)).toMatchObject(mailboxes));
  if (due) await check('events', () => invariants.expectEveryEvent(dataDir, due));
  return faults;
}

interface Checked {
  readonly carrier: Pick<OutsideCarrier, 'liveShipments'>;
  readonly known: Knowledge;
  readonly dataDir: string;
  readonly check: Check;
}

/** Returns the number of events that there must be; `undefined` if orders did not end. */
async function checkMesh(mesh: TestMesh, { carrier, known, dataDir, check }: Checked) {
  const shop = shopOf(mesh.runtime);
  // First, what was seen is there. Nothing is repeated yet, so nothing comes back in this way.
  await check('an order that was seen', () => expectSeenOrders(shop, known));
  await check('an account that was seen', () => expectSeenAccounts(shop, known));
  await check('a user that was seen', () => expectSeenUsers(shop, known));
  await check('an event that was seen', () => expectSeenEvents(mesh, known));
  await check('a cause', async () => expectCauses(shop, known, await carrier.liveShipments()));
  for (const { title, send, answer } of known.requests) {
    await check(`repeated ${title}`, async () => {
      const repeated = await send(shop).catch((error: unknown) => {
        if (answer) throw error;
      });
      if (answer) expect(repeated).toEqual(answer.seen);
    });
  }
  let orders: Order[] | undefined;
  await check('orders end', async () => {
    orders = await endsOf(shop);
  });
  if (!orders) return undefined;
  const ends = orders;
  await check('one order a request', async () =>
    expect(ends).toHaveLength(known.requests.filter(({ title }) => title === 'PlaceOrder').length),
  );
  await check('an end that was seen', async () => {
    const byId = new Map(ends.map((order) => [order.id, order.state]));
    for (const { seen } of known.orders) if (isEnded(seen)) expect(byId.get(seen.id), seen.id).toBe(seen.state);
  });
  await check('paid once', () => invariants.expectPaidOnce(shop, ends));
  await check('shipped once', () => invariants.expectShippedOnce(carrier, ends));
  await check('notified', () => invariants.expectNotifiedOnce(shop, dataDir, ends, { wasKilled: true }));
  if (known.filled.length > 0) await check('conserved', () => invariants.expectConserved(shop, ends));
  await check('nothing stuck', () => invariants.expectNothingStuck(shop));
  await check('audit', async () => {
    const reports = await Array.fromAsync(mesh.runtime.client(AuditServiceContract).runAudit({ checks: [] }));
    expect(reports.flatMap(({ report }) => (report?.$case === 'finding' ? [report.value.message] : []))).toEqual([]);
  });
  let due: Map<string, number> | undefined;
  await check('versions', async () => {
    const accounts = known.filled.length > 0 ? ['ada', 'tom'] : [];
    due = new Map(await invariants.countExpectedEvents(shop, ends, accounts));
  });
  // A cancelled order has as many as its saga came to have.
  for (const { id } of ends.filter(({ state }) => state === OrderState.ORDER_STATE_CANCELLED)) {
    for (const topic of ['inventory.events', 'shipping.events']) due?.delete(`${topic}/${id}`);
  }
  return due;
}

async function expectSeenOrders(shop: Shop, known: Knowledge): Promise<void> {
  const latest = new Map<string, Order>();
  for (const { seen } of known.orders) {
    if (Number(seen.etag) >= Number(latest.get(seen.id)?.etag ?? 0)) latest.set(seen.id, seen);
  }
  for (const [id, seen] of latest) {
    const found = await shop.orders.getOrder({ id });
    expect(Number(found.etag), `version of order ${id}`).toBeGreaterThanOrEqual(Number(seen.etag));
    if (isEnded(seen)) expect(found.state).toBe(seen.state);
  }
}

/** Each version of an account that was seen has the same balance. */
async function expectSeenAccounts(shop: Shop, known: Knowledge): Promise<void> {
  const byId = Map.groupBy(known.accounts, ({ seen }) => seen.id);
  for (const [accountId, sightings] of byId) {
    const found = await shop.accounts.getBalance({ accountId });
    const balances = new Map([[0n, 0n]]);
    for await (const { version, newBalance } of shop.accounts.listAccountEvents({ accountId })) {
      balances.set(version, newBalance?.minorUnits ?? 0n);
    }
    for (const { seen } of sightings) {
      expect(found.version, `version of account ${accountId}`).toBeGreaterThanOrEqual(seen.version);
      const balance = balances.get(seen.version);
      if (balance !== undefined) expect(balance, `version ${seen.version}`).toBe(seen.balance?.minorUnits);
    }
  }
}

async function expectSeenUsers(shop: Shop, known: Knowledge): Promise<void> {
  for (const { seen } of known.users) expect(await shop.users.getUser({ id: seen.id })).toEqual(seen);
}

/** Events that were read from a topic are at the same place. */
async function expectSeenEvents(mesh: TestMesh, known: Knowledge): Promise<void> {
  const placeOf = ({ partition, offset }: EventRecord) => `${partition}@${offset}`;
  for (const [topic, sightings] of Map.groupBy(known.events, ({ seen }) => seen.topic)) {
    const missing = new Map(sightings.map(({ seen }) => [placeOf(seen), seen.id]));
    const signal = AbortSignal.timeout(10_000);
    const from = { $case: 'start', value: Start.START_BEGINNING } as const;
    try {
      for await (const event of mesh.runtime.client(EventServiceContract).subscribe({ topic, from }, { signal })) {
        const place = placeOf(event);
        if (missing.has(place)) expect(event.id, `event at ${topic} ${place}`).toBe(missing.get(place));
        missing.delete(place);
        if (missing.size === 0) break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    expect([...missing], `missing in ${topic}`).toEqual([]);
  }
}

/** Each shipment that the carrier was asked for, each mail and each event of an order has its order. */
async function expectCauses(shop: Shop, known: Knowledge, shipments: readonly string[]): Promise<void> {
  const ids = new Set([...known.bookings.map(({ seen }) => seen.reference), ...shipments]);
  for (const { seen } of known.mails) ids.add(seen.orderId);
  for (const { seen } of known.events) if (/^(order|shipping)\./.test(seen.topic)) ids.add(seen.key);
  for (const id of ids) expect(await shop.orders.getOrder({ id })).toMatchObject({ id });
}

/** Keeps the mails that a mail server has, or gets, where tests look for them. */
function keepIn(dataDir: string, known: Knowledge): (mail: AcceptedMail) => void {
  const keep = ({ id }: AcceptedMail) =>
    writeFileSync(join(dataDir, 'mail', 'smtp.mbox'), mboxEntry(id), { flag: 'a' });
  mkdirSync(join(dataDir, 'mail'), { recursive: true, mode: 0o700 });
  for (const { seen } of known.mails) keep(seen);
  return keep;
}

/** Returns the content of each file by its name. */
function mailboxesIn(dataDir: string): Record<string, string> {
  const folder = join(dataDir, 'mail');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^\d.*\.mbox$/.test(name)) : [];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}

async function endsOf(shop: Shop): Promise<Order[]> {
  const orders = await Array.fromAsync(shop.orders.listOrders({}));
  const seen = await Promise.all(orders.map(({ id }) => watchToEnd(shop.orders, id)));
  return seen.map((states) => states.at(-1) ?? expect.fail('an order was not seen'));
}

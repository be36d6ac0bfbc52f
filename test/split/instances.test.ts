import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start } from '#gen/events/v1/events.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { OrderState, type WatchOrderRequest } from '#gen/order/v1/order.ts';
import { declaredCursor, resumable } from '#mesh';
import type { MeshCallOptions } from '../../mesh/client/calls.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { isEnded } from '../../scripts/support/order-faults.ts';
import { expectConserved, expectNotifiedOnce, expectPaidOnce } from '../support/invariants.ts';
import { describeWithRealServers, type RealServers, startRealServers } from '../support/real-servers.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';
import { type ConnectionCount, countConnections } from './support/connection-count.ts';
import { type Instances, planInstances } from './support/instances.ts';
import { linkTo, type SwitchedLinks } from './support/switched-links.ts';
import { balanceServices } from './support/user-instances.ts';

const auditIntervalMs = 5_000;
/** Of the 100 connections that PostgreSQL accepts by default, it reserves three. */
const maxConnections = 97;

describeWithRealServers('two instances of every service on one PostgreSQL server', () => {
  let servers: RealServers;
  let folder: TempFolder;
  let mesh: Instances;
  let connections: ConnectionCount;
  let startedMs: number;

  beforeAll(async () => {
    servers = await startRealServers();
    folder = await tempFolder();
    connections = await countConnections(servers.postgres.url('postgres'));
    const environment = {
      ...servers.settings(),
      LOG_LEVEL: 'info',
      AUDIT_INTERVAL_MS: `${auditIntervalMs}`,
      DRAIN_TIMEOUT_MS: '5000',
    };
    mesh = await planInstances({ folder: folder.path, environment });
    startedMs = performance.now();
    // All at the same time, on an empty server.
    await Promise.all(mesh.all.map((instance) => instance.start()));
  }, 240_000);
  afterAll(async () => {
    await connections?.end();
    await mesh?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
    await servers?.[Symbol.asyncDispose]();
  });

  it('complete orders that any of them accepted, as seen on the other one', { timeout: 120_000 }, async () => {
    const shops = await Promise.all([1, 2].map(async (replica) => shopOf(await mesh.clients(replica))));
    const [first, second] = shops;
    if (!first || !second) throw new Error('there are two');
    await fillShop(first);
    const place = async (index: number) => {
      const [placing, watching] = index % 2 === 0 ? [first, second] : [second, first];
      const { id } = await placing.orders.placeOrder(bookOrder({ quantity: 1 }));
      const seen = await watchToEnd(watching.orders, id);
      return seen.at(-1) ?? expect.fail(`order ${id} was not seen`);
    };
    const orders = await Promise.all(Array.from({ length: 30 }, (_, index) => place(index)));
    for (const { state } of orders) expect(state).toBe(OrderState.ORDER_STATE_COMPLETED);
    await expectPaidOnce(second, orders);
    await expectNotifiedOnce(second, folder.path, orders);
    await expectConserved(second, orders);
  });

  it('continue the streams of a caller whose connection to one of them is cut', { timeout: 60_000 }, async () => {
    const addressesOf = (service: string) => [1, 2].map((replica) => mesh.of(`${service}-${replica}`).process.address);
    await using orders = await linkTo(addressesOf('order'), 20_000);
    await using events = await linkTo(addressesOf('bridge'), 200_000);
    using services = balanceServices({ order: orders.ports, events: events.ports });
    const order = services.client(OrderServiceContract);
    const direct = shopOf(await mesh.clients(1)).orders;

    const listed = counted(order.listOrders);
    const list = await readWithCuts(
      resumable(listed.call, declaredCursor(OrderServiceContract.methods.listOrders))({}),
      orders,
      [5],
    );
    const all = await Array.fromAsync(direct.listOrders({}));
    expect(list.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    expect(listed.calls()).toBeGreaterThan(1);

    const banks = [1, 2].map((replica) => mesh.of(`payment-${replica}`).process.child);
    // The order waits for its charge until its watch is cut off.
    for (const bank of banks) bank.kill('SIGSTOP');
    onTestFinished(() => {
      for (const bank of banks) bank.kill('SIGCONT');
    });
    const { id } = await direct.placeOrder(bookOrder({ quantity: 1 }));
    const watched = counted((request: Partial<WatchOrderRequest>, options?: MeshCallOptions) => {
      if (watched.calls() > 1) for (const bank of banks) bank.kill('SIGCONT');
      return order.watchOrder(request, options);
    });
    const states = await readWithCuts(
      resumable(watched.call, declaredCursor(OrderServiceContract.methods.watchOrder))({ id }),
      orders,
      [1],
    );
    const versions = states.map(({ etag }) => Number(etag));
    expect(watched.calls()).toBeGreaterThan(1);
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    expect(states.at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);

    // One event for each version of an order.
    const ended = await eventually(async () => {
      const found = await Array.fromAsync(direct.listOrders({}));
      expect(found.filter((each) => !isEnded(each))).toEqual([]);
      return found;
    });
    const due = new Map(ended.map((each) => [each.id, Array.from({ length: Number(each.etag) }, (_, at) => at + 1)]));
    const total = [...due.values()].flat().length;
    const subscribed = counted(services.client(EventServiceContract).subscribe);
    const topic = { topic: 'order.events', from: { $case: 'start', value: Start.START_BEGINNING } } as const;
    const records = await readWithCuts(
      onceEach(resumable(subscribed.call, declaredCursor(EventServiceContract.methods.subscribe))(topic)),
      events,
      [30],
      total,
    );
    const byOrder = Map.groupBy(records, ({ key }) => key);
    const history = [...byOrder].map(
      ([key, its]) => [key, its.map(({ headers }) => Number(headers.ce_sequence))] as const,
    );
    expect(new Map(history)).toEqual(due);
    expect(subscribed.calls()).toBeGreaterThan(1);
    expect(versions.every((version) => due.get(id)?.includes(version))).toBe(true);
    expect(versions.at(-1)).toBe(due.get(id)?.length);
  });

  it('are audited once in each interval, by any of them, and find nothing', { timeout: 120_000 }, async () => {
    const services = ['inventory', 'payment', 'report', 'ops'];
    const ends = await eventually(
      async () => {
        const found = auditsOf(mesh);
        for (const service of services) expect(found.get(service)?.length ?? 0, service).toBeGreaterThanOrEqual(3);
        return found;
      },
      { timeoutMs: 60_000 },
    );
    for (const service of services) {
      const timesMs = (ends.get(service) ?? []).toSorted((a, b) => a.timeMs - b.timeMs);
      for (const [index, { timeMs, findings }] of timesMs.entries()) {
        expect(findings, service).toBe(0);
        const before = timesMs[index - 1];
        // The log has the end of the checks, which is a moment before the end of the run.
        if (before) expect(timeMs - before.timeMs, service).toBeGreaterThan(auditIntervalMs * 0.9);
      }
    }
    const factories = await Promise.all([1, 2].map((replica) => mesh.clients(replica)));
    const lasts = factories.map(({ client }) => client(AuditServiceContract));
    await eventually(async () => {
      const [one, other] = await Promise.all(lasts.map((audits) => audits.getLastAudit({})));
      const shared = (audit: typeof one) => audit?.checks.filter(({ name }) => name.startsWith('orders/'));
      expect(shared(one)).toHaveLength(2);
      expect(shared(other)).toEqual(shared(one));
    });
  });

  it(`hold at most ${maxConnections} connections, and end cleanly`, { timeout: 60_000 }, async () => {
    const tookMs = Math.round(performance.now() - startedMs);
    expect(connections.samples).toBeGreaterThan(tookMs / 2_000);
    console.info(`${mesh.all.length} processes: at most ${connections.most} connections to PostgreSQL`);
    expect(connections.most).toBeGreaterThan(30);
    expect(connections.most).toBeLessThanOrEqual(maxConnections);
    const endings = await Promise.all(mesh.all.map(async ({ name, process }) => ({ name, ...(await process.stop()) })));
    expect(endings.filter(({ code }) => code !== 0)).toEqual([]);
    const broken = mesh.all.flatMap(({ name, process }) =>
      logOf(process.stderr()).flatMap(({ level, msg }) => (level === 'error' ? [`${name}: ${msg}`] : [])),
    );
    expect(broken).toEqual([]);
  });
});

/** Counts the calls of a stream. */
function counted<Request, Item>(open: (request: Request, options?: MeshCallOptions) => AsyncIterable<Item>) {
  let calls = 0;
  const call = (request: Request, options?: MeshCallOptions) => {
    calls += 1;
    return open(request, options);
  };
  return { call, calls: () => calls };
}

/**
 * Reads a stream to its end, or until it has `total` items. After each of `cuts` items, it has to continue at the other instance.
 */
async function readWithCuts<T>(
  stream: AsyncIterable<T>,
  links: SwitchedLinks,
  cuts: readonly number[],
  total = Number.POSITIVE_INFINITY,
): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    items.push(item);
    if (cuts.includes(items.length)) links.switch();
    if (items.length === total) break;
  }
  return items;
}

/** Yields each event of an order once: a relay may publish one again. */
async function* onceEach(records: AsyncIterable<EventRecord>): AsyncIterable<EventRecord> {
  const seen = new Set<string>();
  for await (const record of records) {
    const event = `${record.key} ${record.headers.ce_sequence}`;
    if (!seen.has(event)) yield record;
    seen.add(event);
  }
}

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly time: string | number;
  readonly service?: string;
  readonly findings?: number;
}

function logOf(text: string): LogLine[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine);
}

/** The audits in the logs of all processes, by service. */
function auditsOf(mesh: Instances) {
  const ends = mesh.all.flatMap(({ process }) =>
    logOf(process.stderr()).flatMap(({ msg, time, service = '', findings = Number.NaN }) =>
      msg === 'audit finished' && service !== 'storage'
        ? [{ service, timeMs: new Date(time).getTime(), findings }]
        : [],
    ),
  );
  return Map.groupBy(ends, ({ service }) => service);
}

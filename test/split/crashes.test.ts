import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { type Order, OrderState, type PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { openKafkaLog } from '../../mesh/events/kafka/kafka-log.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { type CrashPoint, crashPointVariable } from '../crashes/support/crash-point.ts';
import { historyOf } from '../support/event-history.ts';
import * as invariants from '../support/invariants.ts';
import { describeWithRealServers, startRealServers } from '../support/real-servers.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';
import { startCarrier, type TestCarrier } from '../support/test-carrier.ts';

/** The services of the process that dies: the order service, and the other one that the point is in. */
const crashes: readonly (readonly [CrashPoint, 'completes' | 'refused'])[] = [
  ['after order commit 1', 'completes'],
  ['before order reserveStock 1', 'completes'],
  ['after inventory commit 1', 'completes'],
  ['before order charge 1', 'completes'],
  ['after order charge 1', 'completes'],
  ['after payment commit 1', 'completes'],
  ['before order createShipment 1', 'completes'],
  ['after order createShipment 1', 'completes'],
  ['after shipping commit 2', 'completes'],
  ['after order commitStock 1', 'completes'],
  ['after order refund 1', 'refused'],
  ['before order releaseStock 1', 'refused'],
];

/** Each of them starts a process, and waits for leases. */
const atATime = 4;
const maxRounds = 3;

describeWithRealServers('an order whose process dies next to another instance of its services', () => {
  const stack = new AsyncDisposableStack();
  const outcomes = new Map<CrashPoint, PromiseSettledResult<readonly Order[]>>();
  let folder: string;
  let eventsUrl: string;
  let survivor: StartedProcess;
  let shop: Shop;
  let carrier: TestCarrier;

  beforeAll(async () => {
    folder = stack.use(await tempFolder()).path;
    const servers = stack.use(await startRealServers());
    carrier = stack.use(await startCarrier(folder));
    const settings = servers.settings();
    eventsUrl = settings.EVENTS_URL ?? '';
    const environment = {
      ...settings,
      CARRIER_URL: carrier.url,
      MAIL_URL: `file:${join(folder, 'mail')}`,
      DATABASE_POOL_SIZE: '3',
    };
    survivor = stack.use(await startProcess({ dataDir: join(folder, 'survivor'), environment }));
    shop = shopOf(survivor);
    await fillShop(shop);
    const called = ['user', 'inventory', 'payment', 'shipping'];
    const discovery = `static:${called.map((service) => `${service}=${survivor.address}`).join()}`;
    const run = async ([point, scenario]: (typeof crashes)[number], index: number) => {
      const dataDir = join(folder, `dies-${index}`);
      const dying = { dataDir, environment: { ...environment, DISCOVERY_URL: discovery } };
      outcomes.set(point, await settle(survive(point, scenario, dying)));
    };
    const left = [...crashes.entries()];
    const runNext = async (): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) await run(next[1], next[0]);
    };
    await Promise.all(Array.from({ length: atATime }, runNext));
  }, 240_000);
  afterAll(() => stack.disposeAsync());

  /** Places two orders on a process that dies at the point, and returns how they end on the other one. */
  async function survive(
    point: CrashPoint,
    scenario: 'completes' | 'refused',
    options: { readonly dataDir: string; readonly environment: Record<string, string> },
  ): Promise<readonly Order[]> {
    const [, service = ''] = point.split(' ');
    await using dying = await startProcess({
      ...options,
      main: 'test/crashes/support/crashing-main.ts',
      args: [...new Set(['order', service])],
      environment: { ...options.environment, [crashPointVariable]: point },
    });
    const { orders } = shopOf(dying);
    const order = { quantity: 1, ...(scenario === 'refused' && { countryCode: 'AQ' }) };
    const ends: Order[] = [];
    let hasDied = false;
    void dying.ended.then(() => {
      hasDied = true;
    });
    // Another instance may take a saga over whose step had no answer. Then this one has no reason to die yet.
    for (let rounds = 0; rounds < maxRounds && !hasDied; rounds += 1) {
      const requests = [bookOrder(order), bookOrder(order)];
      const answers = await Promise.allSettled(requests.map((request) => orders.placeOrder(request)));
      const accepted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.id] : []));
      const ended = await Promise.all(requests.map(endOnSurvivor));
      expect(ended.map(({ id }) => id)).toEqual(expect.arrayContaining(accepted));
      ends.push(...ended);
    }
    const timeout = setTimeout(20_000, `the point "${point}" was not reached`, { ref: false });
    expect(await Promise.race([dying.ended, timeout])).toEqual({ code: null, signal: 'SIGKILL' });
    return ends;
  }

  /** Repeats a call on the instance that lives, as a caller does that got no response, and waits for the end of the order. */
  async function endOnSurvivor(request: PlaceOrderRequest): Promise<Order> {
    const { id } = await eventually(() => shop.orders.placeOrder(request), { timeoutMs: 20_000 });
    const seen = await watchToEnd(shop.orders, id);
    return seen.at(-1) ?? expect.fail(`order ${id} was not seen`);
  }

  const ordersOf = (point: CrashPoint): readonly Order[] => {
    const outcome = outcomes.get(point);
    if (outcome?.status !== 'fulfilled') throw outcome?.reason;
    return outcome.value;
  };

  it.each(crashes)('ends as if nothing happened when it dies %s', async (point, scenario) => {
    const orders = ordersOf(point);
    for (const order of orders) {
      if (scenario === 'completes') expect(order.state).toBe(OrderState.ORDER_STATE_COMPLETED);
      else
        expect(order).toMatchObject({ state: OrderState.ORDER_STATE_FAILED, failure: { reason: 'CARRIER_REFUSED' } });
    }
    await invariants.expectPaidOnce(shop, orders);
    await invariants.expectShippedOnce(carrier, orders);
    await invariants.expectNotifiedOnce(shop, folder, orders, { wasKilled: true });
  });

  it('leaves money, stock and events of all orders as they have to be, and an audit without findings', async () => {
    const orders = crashes.flatMap(([point]) => ordersOf(point));
    expect(await Array.fromAsync(shop.orders.listOrders({}))).toHaveLength(orders.length);
    await invariants.expectConserved(shop, orders);
    await invariants.expectNothingStuck(shop);
    const audits = survivor.client(AuditServiceContract);
    for await (const { report } of audits.runAudit({})) {
      if (report?.$case === 'finding') expect.fail(`${report.value.reason}: ${report.value.message}`);
      expect(report?.value).toMatchObject({ error: '' });
    }
    const due = await invariants.countExpectedEvents(shop, orders);
    const log = openKafkaLog(eventsUrl, { clock: systemClock, logger: createLogger('silent') });
    // The lease of an outbox outlives its process by up to 10 s.
    await eventually(async () => invariants.expectHistory(await historyOf(log), due), { timeoutMs: 20_000 }).finally(
      () => log.close(),
    );
  });
});

async function settle<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [settled] = await Promise.allSettled([promise]);
  return settled;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { openKafkaLog } from '../../mesh/events/kafka/kafka-log.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { historyOf } from '../support/event-history.ts';
import { expectNothingStuck } from '../support/invariants.ts';
import { describeWithRealServers, type RealServers, startRealServers } from '../support/real-servers.ts';
import { shopOf } from '../support/shop.ts';
import { startCarrier } from '../support/test-carrier.ts';
import * as books from './support/books.ts';
import { createShoppers, fillShelves } from './support/shoppers.ts';
import { type SplitMesh, startSplitMesh } from './support/split-mesh.ts';

/** How long processes are killed: 20 s in a test run, a minute in `make verify-faults`. */
const faultsMs = Number(process.env.FAULTS_SECONDS ?? 20) * 1_000;
const killEveryMs = 2_000;
const customers = 8;
const measureMs = 4_000;
const auditIntervalMs = 10_000;
/** An order of a process that died waits for its leases, and dead processes for their next start. */
const settleMs = 90_000;

describeWithRealServers('a split mesh whose processes and servers die', () => {
  it('ends every order that it accepted, once', { timeout: faultsMs + 300_000 }, async () => {
    await using folder = await tempFolder();
    await using servers = await startRealServers();
    await using carrier = await startCarrier(folder.path);
    await using mesh = await startSplitMesh({
      servers,
      dataDir: folder.path,
      replicas: '1,order=2,payment=2',
      environment: { CARRIER_URL: carrier.url, LOG_LEVEL: 'info', AUDIT_INTERVAL_MS: `${auditIntervalMs}` },
    });
    const shop = shopOf(mesh);
    await fillShelves(shop);
    // They stand for many programs, each with a breaker of its own. One for all would stop all.
    const shoppers = createShoppers(mesh.client(OrderServiceContract, { breaker: { failureRatio: 1 } }));
    const capacity = await shoppers.measureCapacity(customers, measureMs);

    const placing = new AbortController();
    const placed = shoppers.placeSteadily(capacity / 2, placing.signal);
    const [kills, restarts] = await Promise.all([killProcesses(mesh), restartServers(servers)]);
    placing.abort();
    await placed;
    const startMs = performance.now();
    const orders = await eventually(() => books.expectEnded(shop), { timeoutMs: settleMs, intervalMs: 500 });
    const settledMs = performance.now() - startMs;
    console.info(
      `capacity ${capacity.toFixed(1)} orders/s; ${orders.length} orders, ${kills.length} kills (${kills.join(', ')}), ` +
        `restarted ${restarts.join(', ')}; repeated calls: ${JSON.stringify(Object.fromEntries(shoppers.repeats))}, ` +
        `one order was accepted after ${(shoppers.slowestMs / 1_000).toFixed(1)} s; ` +
        `the last order ended ${(settledMs / 1_000).toFixed(1)} s after the last fault`,
    );

    expect(kills.length).toBeGreaterThanOrEqual(faultsMs / killEveryMs / 2);
    expect(orders.map(({ id }) => id).toSorted()).toEqual(shoppers.accepted.toSorted());
    books.expectEndsByKind(orders);
    await books.expectStockConserved(shop, orders);
    await books.expectPaidOnce(shop, orders);
    await books.expectShippedOnce(carrier, orders);
    const patient = { timeoutMs: settleMs, intervalMs: 500 };
    await eventually(() => books.expectNotifiedOnce(shop, orders), patient);
    await eventually(async () => books.expectEveryEvent(shop, orders, await readKafka(servers)), patient);
    await expectNothingStuck(shop);
    await expectCleanAudits(mesh);
  });
});

/** Kills a process every two seconds, each once before any of them twice. Returns their names. */
async function killProcesses({ supervisor }: SplitMesh): Promise<readonly string[]> {
  const killed: string[] = [];
  let left = shuffled(supervisor.processes);
  const endMs = performance.now() + faultsMs;
  while (performance.now() < endMs) {
    if (left.length === 0) left = shuffled(supervisor.processes);
    const victim = left.find(({ pids }) => pids().length > 0);
    left = left.filter((each) => each !== victim);
    for (const pid of victim?.pids() ?? []) {
      process.kill(pid, 'SIGKILL');
      killed.push(victim?.plan.name ?? '');
    }
    await sleep(killEveryMs);
  }
  return killed;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Kills and restarts each server in turn while processes are killed. Returns their names. */
async function restartServers({ postgres, kafka, rabbitmq }: RealServers): Promise<readonly string[]> {
  const restarts = [
    ['PostgreSQL', () => postgres.killImmediate().then(() => postgres.restart())],
    ['Kafka', () => kafka.killBroker(0).then(() => kafka.restartBroker(0))],
    ['RabbitMQ', () => rabbitmq.kill().then(() => rabbitmq.start())],
  ] as const;
  const startMs = performance.now();
  const names: string[] = [];
  for (const [index, [name, restart]] of restarts.entries()) {
    await sleep(Math.max(0, startMs + ((index + 1) * faultsMs) / (restarts.length + 1) - performance.now()));
    await restart();
    names.push(name);
  }
  return names;
}

async function readKafka({ kafka }: RealServers) {
  const log = openKafkaLog(`kafka://${kafka.brokers}`, { clock: systemClock, logger: createLogger('fatal') });
  try {
    return await historyOf(log);
  } finally {
    await log.close();
  }
}

/** No audit found anything, neither during the faults nor after them. */
async function expectCleanAudits(mesh: SplitMesh): Promise<void> {
  const endTime = new Date().toISOString();
  const audits = () => mesh.log().filter(({ msg, findings }) => msg === 'audit finished' && findings !== undefined);
  await eventually(
    () => {
      const after = audits().filter(({ time }) => time > endTime);
      const audited = new Set(after.map(({ service }) => service));
      expect([...audited]).toEqual(expect.arrayContaining(['inventory', 'payment', 'report', 'ops']));
    },
    { timeoutMs: settleMs, intervalMs: 500 },
  );
  expect(audits().filter(({ findings }) => findings !== 0)).toEqual([]);
  // A check of a projection waits for one that another process has begun, and died during.
  const reports = await eventually(
    async () => {
      const all = await Array.fromAsync(mesh.client(AuditServiceContract).runAudit({}));
      const checks = all.flatMap(({ report }) => (report?.$case === 'check' ? [report.value] : []));
      expect(checks.length).toBeGreaterThan(1);
      expect(checks.filter(({ error }) => error !== '')).toEqual([]);
      return all;
    },
    { timeoutMs: settleMs, intervalMs: 500 },
  );
  expect(reports.filter(({ report }) => report?.$case === 'finding')).toEqual([]);
}

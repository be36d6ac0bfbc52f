import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { type Order, orderStateToJSON } from '#gen/order/v1/order.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { openKafkaLog } from '../../mesh/events/kafka/kafka-log.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { engineOfRun } from '../../mesh/testing/engine-of-run.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { type SplitMesh, startSplitMesh } from '../../scripts/rolling/split-mesh.ts';
import { acceptedFaults, isCompleted, shipmentFaults } from '../../scripts/support/order-faults.ts';
import { historyOf } from '../support/event-history.ts';
import {
  countExpectedEvents,
  expectConserved,
  expectHistory,
  expectNoFaults,
  expectNothingStuck,
  expectNotifiedOnce,
} from '../support/invariants.ts';
import { describeWithRealServers, type RealServers, startRealServers } from '../support/real-servers.ts';
import { shopOf } from '../support/shop.ts';
import { startCarrier } from '../support/test-carrier.ts';
import { accountIds, before, createShoppers, fillShelves, poorId } from './support/shoppers.ts';

/** How long processes are killed: 20 s in a test run, a minute in `make verify-faults`. */
const faultsMs = Number(process.env.FAULTS_SECONDS ?? 20) * 1_000;
/** The instances of each service: two of all in `make verify-faults`. */
const replicas = process.env.FAULTS_REPLICAS ?? '1,order=2,payment=2,gateway=2';
const killEveryMs = 2_000;
const customers = 8;
const measureMs = 4_000;
const auditIntervalMs = 10_000;
/** An order of a process that died waits for its leases, and dead processes for their next start. */
const settleMs = 90_000;

describeWithRealServers('a split mesh whose processes and servers die', () => {
  it('ends every order that it accepted, once', { timeout: faultsMs + 400_000 }, async () => {
    await using folder = await tempFolder();
    await using servers = await startRealServers();
    await using carrier = await startCarrier(folder.path);
    const log = join(folder.path, 'log');
    await using mesh = await startSplitMesh({
      dataDir: folder.path,
      log,
      environment: {
        ...servers.settings(),
        REPLICAS: replicas,
        GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
        HTTP_LISTEN: 'off',
        CARRIER_URL: carrier.url,
        LOG_LEVEL: 'info',
        LOG_FORMAT: 'json',
        AUDIT_INTERVAL_MS: `${auditIntervalMs}`,
        DRAIN_TIMEOUT_MS: '5000',
      },
    });
    const clients = await createClients(mesh.address, { engine: engineOfRun, logLevel: 'fatal' });
    onTestFinished(() => clients.close());
    const shop = shopOf(clients);
    await fillShelves(shop);
    // They stand for many programs, each with a breaker of its own. One for all would stop all.
    const shoppers = createShoppers(clients.client(OrderServiceContract, { breaker: { failureRatio: 1 } }));
    const capacity = await shoppers.measureCapacity(customers, measureMs);

    const placing = new AbortController();
    const placed = shoppers.placeSteadily(capacity / 2, placing.signal);
    const [kills, restarts] = await Promise.all([killProcesses(mesh), restartServers(servers)]);
    placing.abort();
    await placed;
    const startMs = performance.now();
    const orders = await eventually(
      async () => {
        const all = await Array.fromAsync(shop.orders.listOrders({}));
        expectNoFaults(acceptedFaults(all, shoppers.accepted));
        return all;
      },
      { timeoutMs: settleMs, intervalMs: 500 },
    );
    const settledMs = performance.now() - startMs;
    console.info(
      `capacity ${capacity.toFixed(1)} orders/s; ${orders.length} orders, ${kills.length} kills (${kills.join(', ')}), ` +
        `restarted ${restarts.join(', ')}; repeated calls: ${JSON.stringify(Object.fromEntries(shoppers.repeats))}, ` +
        `one order was accepted after ${(shoppers.slowestMs / 1_000).toFixed(1)} s; ` +
        `the last order ended ${(settledMs / 1_000).toFixed(1)} s after the last fault`,
    );

    expect(kills.length).toBeGreaterThanOrEqual(faultsMs / killEveryMs / 2);
    expectEndsByKind(orders);
    await expectConserved(shop, orders, before);
    expectNoFaults(shipmentFaults(orders, await carrier.liveShipments()));
    const patient = { timeoutMs: settleMs, intervalMs: 500 };
    await eventually(() => expectNotifiedOnce(shop, folder.path, orders, { wasKilled: true }), patient);
    const due = await countExpectedEvents(shop, orders, accountIds);
    await eventually(async () => expectHistory(await readKafka(servers), due), patient);
    await expectNothingStuck(shop);
    await expectCleanAudits(clients, () => readLog(log));
  });
});

/** Orders end as their user and address allow. */
function expectEndsByKind(orders: readonly Order[]): void {
  const wrong = orders.filter((order) => {
    const refuses = order.userId === poorId || order.shippingAddress?.countryCode === 'AQ';
    return isCompleted(order) === refuses;
  });
  expect(wrong.map(({ id, state, failure }) => [id, orderStateToJSON(state), failure])).toEqual([]);
}

/** Kills a process every two seconds, each once before any of them twice. Returns their names. */
async function killProcesses(mesh: SplitMesh): Promise<readonly string[]> {
  const killed: string[] = [];
  const round = new Set<string>();
  const endMs = performance.now() + faultsMs;
  while (performance.now() < endMs) {
    const running = shuffled(mesh.processes());
    const victim = running.find(({ name }) => !round.has(name));
    if (victim === undefined) {
      round.clear();
      await sleep(10);
      continue;
    }
    process.kill(victim.pid, 'SIGKILL');
    killed.push(victim.name);
    round.add(victim.name);
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

interface LogLine {
  readonly time: string;
  readonly msg: string;
  readonly service?: string;
  readonly findings?: number;
}

/** The lines of all processes. */
function readLog(file: string): readonly LogLine[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as LogLine] : []));
}

/** No audit found anything, neither during the faults nor after them. */
async function expectCleanAudits({ client }: ClientFactory, log: () => readonly LogLine[]): Promise<void> {
  const endTime = new Date().toISOString();
  const audits = () => log().filter(({ msg, findings }) => msg === 'audit finished' && findings !== undefined);
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
      const all = await Array.fromAsync(client(AuditServiceContract).runAudit({}));
      const checks = all.flatMap(({ report }) => (report?.$case === 'check' ? [report.value] : []));
      expect(checks.length).toBeGreaterThan(1);
      expect(checks.filter(({ error }) => error !== '')).toEqual([]);
      return all;
    },
    { timeoutMs: settleMs, intervalMs: 500 },
  );
  expect(reports.filter(({ report }) => report?.$case === 'finding')).toEqual([]);
}

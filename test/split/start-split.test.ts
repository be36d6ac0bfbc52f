import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort, isFree } from '../../mesh/testing/servers/free-port.ts';
import { ghz, grpcGoRestart } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { isClean, verifyRolling } from '../../scripts/rolling/run.ts';
import { type SplitMesh, startSplitMesh } from '../../scripts/rolling/split-mesh.ts';
import { reportLines } from '../../scripts/rolling/table.ts';
import { connectionsByDatabase } from '../../scripts/split/connections.ts';
import { defaultPoolSize } from '../../scripts/split/plan.ts';
import { splitServices } from '../../scripts/split/run.ts';
import { describeWithRealServers } from '../support/real-servers.ts';
import { startCarrier, type TestCarrier } from '../support/test-carrier.ts';
import { type ConnectionCount, countConnections } from './support/connection-count.ts';

const replaced = ['order-1', 'order-2', 'payment-1', 'payment-2', 'gateway-1', 'gateway-2'];

describeWithRealServers('a mesh of many processes, as make start-split runs it', () => {
  let folder: TempFolder;
  let mesh: SplitMesh | undefined;
  let carrier: TestCarrier;
  let connections: ConnectionCount | undefined;
  const log = () => readFileSync(join(folder.path, 'log'), 'utf8');
  const starts = (name: string) => [...log().matchAll(new RegExp(`${name} +info +ready `, 'g'))].length;

  beforeAll(async () => {
    folder = await tempFolder();
    carrier = await startCarrier(folder.path);
    mesh = await startSplitMesh({
      dataDir: join(folder.path, 'data'),
      log: join(folder.path, 'log'),
      environment: {
        REPLICAS: '1,order=2,payment=2,gateway=2',
        GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
        HTTP_LISTEN: `127.0.0.1:${await freePort()}`,
        CARRIER_URL: carrier.url,
      },
    });
    const [, database = ''] = /PostgreSQL serves at (\S+) after/.exec(log()) ?? [];
    connections = await countConnections(database.replace('<service>', 'postgres'));
  }, 180_000);
  afterAll(async () => {
    await connections?.end();
    await mesh?.[Symbol.asyncDispose]();
    await carrier[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  }, 60_000);

  it('completes an order that make demo places at the gateway', { timeout: 60_000 }, async () => {
    const environment = { ADDRESS: mesh?.address ?? '' };
    await using demo = spawnProcess({ main: 'examples/demo.ts', dataDir: join(folder.path, 'data'), environment });
    expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null });
    expect(demo.stdout()).toMatch(/event +ORDER_COMPLETED +order\.events, partition \d+, offset \d+/);
    expect(demo.stdout()).toMatch(/\n {2}Subject: Your order \S+ is on its way\n/);
    expect(demo.stdout()).toMatch(/order \S+ is COMPLETED\n$/);
  });

  describeWithServer(ghz, 'called by ghz', () => {
    describeWithServer(grpcGoRestart, 'and grpc-go', () => {
      describeWithServer(grpcPython, 'and grpcio', () => {
        it('fails no call and loses no effect while order, payment and the gateway are replaced', {
          timeout: 240_000,
        }, async () => {
          if (mesh === undefined) throw new Error('the mesh did not start');
          const before = new Map(replaced.map((name) => [name, starts(name)]));
          const result = await verifyRolling(mesh, {
            services: ['order', 'payment', 'gateway'],
            ordersPerSecond: 4,
            ghzCallsPerSecond: 50,
            quietMs: 1_000,
            liveShipments: carrier.liveShipments,
            say: () => undefined,
          });
          const report = reportLines(result).join('\n');
          const counts = result.phases.flatMap(({ calls }) => [...calls.values()]);
          expect(
            counts.map(({ failed }) => failed),
            report,
          ).toEqual(counts.map(() => 0));
          expect(
            counts.filter(({ calls }) => calls === 0),
            report,
          ).toEqual([]);
          const { orders, ...faults } = result.effects;
          expect(faults, report).toEqual({ lost: [], doubled: [], deadLetters: [], findings: [] });
          expect(orders).toBeGreaterThan(10);
          expect(isClean(result)).toBe(true);
          for (const [name, count] of before) expect(starts(name), name).toBe(count + 1);
        });
      });
    });
  });

  it('has at most as many connections to each database as PostgreSQL is started for', async () => {
    await connections?.end();
    const replicas = (service: string) => (['order', 'payment', 'gateway'].includes(service) ? 2 : 1);
    const names = splitServices.map(({ name }) => name);
    const allowed = connectionsByDatabase(names, replicas, defaultPoolSize);
    const most = [...(connections?.mostByDatabase ?? [])].filter(([database]) => database !== 'postgres');
    expect(most.map(([database]) => database)).toEqual(expect.arrayContaining(['user', 'order', 'payment', 'tasks']));
    const excess = most.filter(([database, count]) => count > (allowed.get(database) ?? 0));
    expect(excess, 'see scripts/split/connections.ts').toEqual([]);
  });

  it('drains everything on Ctrl-C, callers before those whom they call, and exits with 0', {
    timeout: 60_000,
  }, async () => {
    const address = mesh?.address ?? '';
    expect(await mesh?.stop(), log().slice(-2_000)).toBe(0);
    const ended = [...log().matchAll(/^\S+ (\S+) +info +stopped/gm)].map(([, name = '']) => name);
    const services = [
      'user',
      'inventory',
      'shipping',
      'notification',
      'report',
      'bridge',
      'ops',
      'order',
      'payment',
      'gateway',
    ];
    const names = [...services.map((service) => `${service}-1`), 'order-2', 'payment-2', 'gateway-2', 'split'];
    expect(ended).toEqual(expect.arrayContaining(names));
    const place = (name: string) => ended.lastIndexOf(name);
    expect(place('gateway-2')).toBeLessThan(place('ops-1'));
    expect(place('notification-1')).toBeLessThan(place('order-1'));
    expect(place('order-2')).toBeLessThan(place('user-1'));
    expect(ended.at(-1)).toBe('split');
    expect(await isFree(Number(address.split(':')[1]))).toBe(true);
  });
});

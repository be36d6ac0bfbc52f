import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createChannel, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { currentScope } from '../../mesh/telemetry/call-scope.ts';
import { captureLog, type LogLine } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { mountSmallDisk, smallDisk } from '../../mesh/testing/servers/small-disk.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { orderService } from '../../services/order/service.ts';
import { type CallEnd, callEverything } from '../support/every-call.ts';
import { fillShop, shopOf } from '../support/shop.ts';

/** What only operators may know: addresses, paths, settings, and how the server is made. */
const internals =
  /127\.0\.0\.1|localhost|::1|:\d{4,5}\b|\/tmp|\/proc|\.db\b|\.log\b|ECONN|EPIPE|ENOSPC|EHOST|errno|SQLITE|postgres|pg_|kafka|broker|rabbit|amqp|smtp|SELECT |INSERT |UPDATE |DELETE |_URL\b|DATA_DIR|sqlite|node_modules|mesh\//i;

interface BrokenMesh {
  readonly mesh: TestMesh;
  readonly lines: readonly LogLine[];
}

async function start(environment: Record<string, string>, services = allServices): Promise<BrokenMesh> {
  const { logger, lines } = captureLog({
    level: 'debug',
    mixin: () => ({ request_id: currentScope()?.requestId }),
  });
  const mesh = await startMesh(services, environment, logger);
  onTestFinished(() => mesh.stop());
  return { mesh, lines };
}

async function callAll({ address }: TestMesh): Promise<CallEnd[]> {
  const channel = createChannel(address);
  try {
    return await callEverything(channel);
  } finally {
    channel.close();
  }
}

/** Expects that some calls failed because of the server, no caller saw internals, and the log has them by the request id. */
function expectPrivate(ends: readonly CallEnd[], lines: readonly LogLine[], detail: RegExp): void {
  for (const { name, seen } of ends)
    expect({ name, seen }).not.toEqual({ name, seen: expect.stringMatching(internals) });
  const failed = ends.filter(({ code }) => code === Status.UNAVAILABLE);
  expect(failed.length).toBeGreaterThan(0);
  for (const { name, requestId } of failed) {
    const logged = lines.filter((line) => line.request_id === requestId);
    expect({ name, log: JSON.stringify(logged) }).toEqual({ name, log: expect.stringMatching(detail) });
  }
}

describe('what callers see', () => {
  it('has nothing internal if another service cannot be reached', async () => {
    const port = await freePort();
    const others = ['user', 'inventory', 'payment', 'shipping'].map((name) => `${name}=127.0.0.1:${port}`);
    const { mesh, lines } = await start({ DISCOVERY_URL: `static:${others.join(',')}` }, [orderService]);
    const ends = (await callAll(mesh)).filter(({ code }) => code !== Status.UNIMPLEMENTED);
    expectPrivate(ends, lines, new RegExp(`127\\.0\\.0\\.1:${port}`));
  });

  it('has nothing internal if the event log, the task queue, the carrier and the mail server are away', async () => {
    const port = await freePort();
    const { mesh, lines } = await start({
      EVENTS_URL: `kafka://127.0.0.1:${port}`,
      TASKS_URL: `amqp://127.0.0.1:${port}`,
      CARRIER_URL: `http://127.0.0.1:${port}`,
      MAIL_URL: `smtp://127.0.0.1:${port}`,
    });
    await fillShop(shopOf(mesh.runtime));
    expectPrivate(await callAll(mesh), lines, /127\.0\.0\.1|ECONNREFUSED/);
  });

  it('has nothing internal if mail cannot be sent', async () => {
    const port = await freePort();
    const { mesh } = await start({ MAIL_URL: `smtp://127.0.0.1:${port}` });
    const shop = shopOf(mesh.runtime);
    await fillShop(shop);
    await callAll(mesh);
    await eventually(async () => {
      const sent = await Array.fromAsync(shop.notifications.listNotifications({}));
      expect(sent.some(({ lastError }) => lastError !== '')).toBe(true);
      for (const { lastError } of sent) expect(lastError).not.toMatch(internals);
    });
  });

  it('has nothing internal if the files of the databases were deleted', async () => {
    const { mesh, lines } = await start({});
    await fillShop(shopOf(mesh.runtime));
    for (const file of readdirSync(mesh.dataDir)) {
      if (/\.db/.test(file)) rmSync(join(mesh.dataDir, file));
    }
    let ends: CallEnd[] = [];
    await eventually(async () => {
      ends = await callAll(mesh);
      expect(ends.some(({ code }) => code === Status.UNAVAILABLE)).toBe(true);
    });
    expectPrivate(ends, lines, /was deleted|\.db/);
  });

  describeWithServer(smallDisk, 'on a full disk', () => {
    it('has nothing internal', async () => {
      await using disk = mountSmallDisk(64);
      const { mesh, lines } = await start({ DATA_DIR: disk.path });
      await fillShop(shopOf(mesh.runtime));
      const { bsize, bavail } = statfsSync(disk.path);
      writeFileSync(join(disk.path, 'filler'), Buffer.alloc(bsize * bavail));
      expectPrivate(await callAll(mesh), lines, /full|no space|cannot grow/i);
    });
  });

  describeWithServer(postgres, 'without PostgreSQL', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server.stop());

    it('has nothing internal', async () => {
      const url = new URL(server.url(`${randomUUID()}-service`));
      const proxy = await startFaultProxy(Number(url.port));
      url.port = String(proxy.port);
      const { mesh, lines } = await start({ DATABASE_URL: url.href.replace('-service', '-<service>') });
      await fillShop(shopOf(mesh.runtime));
      await proxy.close();
      const ends = await callAll(mesh);
      const longest = ends.filter(({ code }) => code === Status.DEADLINE_EXCEEDED);
      expect(longest).toEqual([]);
      expectPrivate(ends, lines, new RegExp(`${proxy.port}|ECONN|Connection terminated`));
    });
  });
});

import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { defineQueue } from '../../tasks/queue.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { startMesh } from '../../testing/start-mesh.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { type BrokerClaimOptions, claimBroker } from './broker-claim.ts';
import { defineService } from './define-service.ts';

const prints = defineQueue<{ readonly text: string }>('prints');
const printer = defineService({
  name: 'printer',
  migrations: [],
  setup: ({ run }) => {
    run.worker(prints, { handle: async () => undefined });
    return { serves: [] };
  },
});
describeWithServer(postgres, 'the claim of a broker', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 30_000);
  afterAll(() => server.stop());

  let storage: Storage;
  beforeEach(async () => {
    storage = await openStorage(server.url(`claims-${clock.now()}`));
    onTestFinished(() => storage.close());
  });

  async function claim(embeddedId: string | undefined, options: Partial<BrokerClaimOptions> = {}) {
    const { logger } = captureLog();
    const parts = { service: 'printer', storage, broker: 'tasks', clock, logger, leaseMs: 300 } as const;
    const made = await claimBroker({
      ...parts,
      embeddedId,
      draining: new AbortController().signal,
      ...options,
    });
    onTestFinished(() => made.release());
    return made;
  }

  it('refuses a second process with an embedded task queue for the same database, until the first ends', async () => {
    const settings = { DATABASE_URL: server.url('refused-<service>') };
    const first = await startMesh([printer], settings);
    onTestFinished(() => first.stop());
    const message =
      'database of printer is in use by another process, and this one has tasks of its own (TASKS_URL is embedded): set TASKS_URL of all to the same RabbitMQ, or stop the other process';
    await expect(startMesh([printer], settings)).rejects.toMatchObject({ reason: 'BROKER_NOT_SHARED', message });
    await first.stop();
    const next = await startMesh([printer], settings);
    await next.stop();
  });

  it('refuses other events of one database as well', async () => {
    await claim('log-1', { broker: 'events' });
    const fix = 'set EVENTS_URL of all to the same Kafka';
    await expect(claim('log-2', { broker: 'events' })).rejects.toThrow(fix);
    await claim('queue-1');
  });

  it('is shared by processes that use a server, and excludes those that do not', async () => {
    await claim(undefined);
    await claim(undefined);
    await expect(claim('queue-1')).rejects.toThrow('this one has tasks of its own (TASKS_URL is embedded)');
  });

  it('excludes processes that use a server while another has its own', async () => {
    await claim('queue-1');
    await expect(claim(undefined)).rejects.toThrow('a process that has tasks of its own (its TASKS_URL is embedded)');
  });

  it('is regained immediately by a process that starts again with its data folder', async () => {
    const first = await claim('queue-1', { leaseMs: 60_000 });
    await claim('queue-1', { leaseMs: 60_000 });
    expect(first.requireHeld).not.toThrow();
  });

  it('expires if its process dies, and is lost if that was only frozen', async () => {
    const frozen = await claim('queue-1', {
      clock: { ...clock, after: (delayMs, action) => clock.after(delayMs * 30, action) },
    });
    const second = await claim('queue-2');
    await frozen.release();
    second.requireHeld();
    await second.release();
    const third = await claim('queue-3');
    await storage.execute("UPDATE lease SET holder = 'queue-4'");
    await eventually(() => expect(third.requireHeld).toThrow('in use by another process'));
  });
});

import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { defineQueue } from '../../tasks/queue.ts';
import { type CapturedLog, captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { startMesh } from '../../testing/start-mesh.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { Background } from './background.ts';
import { type BrokerClaimOptions, claimBroker } from './broker-claim.ts';
import { defineService } from './define-service.ts';

/** Longer than a pause of a busy machine, in which a process that runs would lose its claim. */
const leaseMs = 1_000;

const prints = defineQueue<{ readonly text: string }>('prints');

/** A service that only handles tasks, or only publishes events. */
function defineClaiming(name: 'printer' | 'publisher', work?: Background) {
  return defineService({
    name: 'claiming',
    migrations: [],
    ...(name === 'publisher' && { topics: [{ name: 'claiming.events' }] }),
    setup: ({ run }) => {
      if (name === 'printer') run.worker(prints, { handle: async () => undefined });
      if (work) run.background(work);
      return { serves: [] };
    },
  });
}

describeWithServer(postgres, 'the claim of a broker', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 30_000);
  afterAll(() => server.stop());

  let storage: Storage;
  let log: CapturedLog;
  beforeEach(async () => {
    storage = await openStorage(server.url(`claims-${clock.now()}`));
    onTestFinished(() => storage.close());
    log = captureLog();
  });

  async function claim(embeddedId: string | undefined, options: Partial<BrokerClaimOptions> = {}) {
    const parts = { service: 'printer', storage, broker: 'tasks', clock, logger: log.logger, leaseMs } as const;
    const draining = new AbortController().signal;
    const made = await claimBroker({ ...parts, embeddedId, draining, ...options });
    onTestFinished(() => made.release(1_000));
    return made;
  }

  async function holders(): Promise<readonly string[]> {
    return (await storage.query<{ holder: string }>('SELECT holder FROM lease')).map(({ holder }) => holder);
  }

  it.each([
    ['printer', 'tasks', 'TASKS_URL', 'RabbitMQ'],
    ['publisher', 'events', 'EVENTS_URL', 'Kafka'],
  ] as const)(
    'refuses a second %s with %s of its own before it listens or starts, until the first ends',
    async (...row) => {
      const [name, broker, setting, needed] = row;
      const settings = { DATABASE_URL: server.url(`${name}-<service>`) };
      const first = await startMesh([defineClaiming(name)], settings);
      onTestFinished(() => first.stop());
      let isStarted = false;
      const start = async () => {
        isStarted = true;
      };
      const port = await freePort();
      const message = `database of claiming is in use by another process, and this one has ${broker} of its own (${setting} is embedded): set ${setting} of all to the same ${needed}, or stop the other process`;
      let isRefused = false;
      const refused = startMesh([defineClaiming(name, { start, stop: async () => undefined })], {
        ...settings,
        GRPC_LISTEN: `127.0.0.1:${port}`,
      })
        .catch((error: unknown) => error)
        .finally(() => {
          isRefused = true;
        });
      const listened = await listensUntil(port, () => isRefused);
      await expect(refused).resolves.toMatchObject({ reason: 'BROKER_NOT_SHARED', message });
      expect({ listened, isStarted }).toEqual({ listened: false, isStarted: false });
      await first.stop();
      const next = await startMesh([defineClaiming(name)], settings);
      await next.stop();
    },
  );

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

  it('is shared by processes that start on a server together, as soon as that of a dead one expires', async () => {
    await dead('queue-1');
    // The others have it after this one found the dead one, and before it looks again.
    const query: Storage['query'] = async (sql, ...rest) => {
      if (seen.length > 0) await claim(undefined);
      seen.push(sql);
      return storage.query(sql, ...rest);
    };
    const seen: string[] = [];
    await claim(undefined, { storage: { ...storage, query } });
    expect(seen.length).toBeGreaterThan(1);
    expect(await holders()).toEqual(['server']);
  });

  it('is regained immediately by a process that starts again with its data folder', async () => {
    await dead('queue-1', 60_000);
    await claim('queue-1', { leaseMs: 60_000 });
    expect(log.lines).toEqual([]);
  });

  it('expires if its process dies, and stays with the next if that was only frozen', async () => {
    const after: typeof clock.after = (delayMs, action) => clock.after(delayMs * 30, action);
    const frozen = await claim('queue-1', { clock: { ...clock, after } });
    await claim('queue-2');
    await frozen.release(1_000);
    expect(await holders()).toEqual(['queue-2']);
    expect(log.lines).toMatchObject([{ level: 'info', msg: 'waiting for the claim of another process' }]);
  });

  it('ends the background work of a process that lost it, which is then unhealthy until a restart', async () => {
    const settings = { DATABASE_URL: server.url('lost-<service>') };
    let isStopped = false;
    const stop = async () => {
      isStopped = true;
    };
    const mesh = await startMesh([defineClaiming('printer', { start: async () => undefined, stop })], settings);
    onTestFinished(() => mesh.stop());
    const database = await openStorage(server.url('lost-claiming'));
    onTestFinished(() => database.close());
    await database.execute("UPDATE lease SET holder = 'other' WHERE name = 'tasks of claiming'");
    const check = () => mesh.services[0]?.check?.();
    await eventually(() => expect(isStopped).toBe(true));
    await expect(check()).rejects.toMatchObject({ reason: 'BROKER_NOT_SHARED' });
    await database.execute("UPDATE lease SET until_ms = 0 WHERE name = 'tasks of claiming'");
    await expect(check()).rejects.toThrow('in use by another process');
  });

  it.each([
    ['is away', () => Promise.reject(new Error('connection refused')), 'connection refused'],
    ['does not answer', () => new Promise<never>(() => undefined), 'took longer than 500 ms'],
  ])('expires by itself if the database %s at the end, which is logged', async (_state, execute, message) => {
    let isAway = false;
    const away = new Proxy(storage, {
      get: (target, property) => (isAway && property === 'execute' ? execute : Reflect.get(target, property)),
    });
    const made = await claim('queue-1', { storage: away });
    isAway = true;
    await made.release(0);
    const msg = 'claim of a broker cannot be released; other processes wait until it expires';
    expect(log.lines).toMatchObject([{ level: 'warn', msg, err: { message: expect.stringContaining(message) } }]);
  });

  /** The claim of a process that has died. */
  async function dead(holder: string, forMs = leaseMs): Promise<void> {
    const made = await claim(holder, { leaseMs: forMs });
    await made.release(1_000);
    await storage.execute('UPDATE lease SET holder = $1, until_ms = $2', [holder, clock.now() + forMs]);
  }
});

/** Whether anything accepts a connection before `ended`. */
async function listensUntil(port: number, ended: () => boolean): Promise<boolean> {
  while (!ended()) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('close', () => resolve(false)).unref();
      setTimeout(() => socket.destroy(), 20);
    });
    if (connected) return true;
  }
  return false;
}

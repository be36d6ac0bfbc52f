import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createEventConsumer } from '../../mesh/events/consumer/create-consumer.ts';
import { wrapEvent } from '../../mesh/events/log/envelope.ts';
import { openEventParts, silent, versionEvent } from '../../mesh/events/testing/events.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { userService } from '../../services/user/service.ts';
import { notServing } from '../support/health-of.ts';

describeWithServer(postgres, 'a fault of the database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    const operator = new pg.Client(server.url('postgres'));
    await operator.connect();
    await operator.query("ALTER ROLE postgres SET lock_timeout = '50ms'");
    await operator.end();
  });
  afterAll(() => server.stop());

  /** Connects an operator, whose statements wait for locks without a limit. */
  async function connect(database: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: server.url(database), options: '-c lock_timeout=0' });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  it('makes an event wait until the locks are free, without a dead letter', async () => {
    const database = randomUUID();
    const { storage, events, close } = await openEventParts(server.url(database));
    onTestFinished(close);
    await events.ensureTopic('t', { partitions: 1 });
    await storage.execute('CREATE TABLE effect (key TEXT NOT NULL)');
    let attempts = 0;
    const consumer = await createEventConsumer({
      events,
      storage,
      handler: {
        group: 'g',
        topics: ['t'],
        handle: async ({ key }) => {
          attempts += 1;
          return async (tx) => void (await tx.execute('INSERT INTO effect (key) VALUES ($1)', [key]));
        },
      },
      retryDelaysMs: [1, 1],
      clock: systemClock,
      logger: silent,
    });
    onTestFinished(() => consumer.stop());
    const operator = await connect(database);
    await operator.query('BEGIN; LOCK TABLE effect');
    await consumer.start();
    await events.publish([
      wrapEvent(versionEvent('t', 'a', 1), { id: uuidv7(), source: '//test', correlationId: 'r-1' }),
    ]);
    await eventually(() => expect(attempts).toBeGreaterThan(4));
    expect(await Array.fromAsync(consumer.deadLetters.list({}, ''))).toEqual([]);
    await operator.query('COMMIT');
    await eventually(async () => expect(await storage.query('SELECT key FROM effect')).toEqual([{ key: 'a' }]));
    expect(await Array.fromAsync(consumer.deadLetters.list({}, ''))).toEqual([]);
  });

  it('causes UNAVAILABLE for callers while a table is locked, but a changed schema does not', async () => {
    const name = randomUUID();
    const mesh = await startMesh([userService], { DATABASE_URL: server.url(`${name}-<service>`) });
    onTestFinished(() => mesh.stop());
    const users = mesh.runtime.client(UserServiceContract);
    const user = { name: 'Ada', email: 'ada@example.org', role: 'customer' };
    const request = { requestId: randomUUID(), user };
    const operator = await connect(`${name}-user`);

    await operator.query('BEGIN; LOCK TABLE users IN SHARE MODE');
    await expect(users.createUser(request)).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'STORAGE_UNAVAILABLE',
    });
    await operator.query('COMMIT');
    const created = await users.createUser(request);

    const readAll = () => Promise.all(Array.from({ length: 20 }, () => users.getUser({ id: created.id })));
    await readAll();
    await operator.query('ALTER TABLE users ADD COLUMN nickname TEXT, ALTER COLUMN name TYPE VARCHAR(500)');
    for (const read of await readAll()) expect(read).toEqual(created);
    await users.updateUser({ user: { ...created, name: 'Ada L.' }, updateMask: ['name'] });
    expect((await users.getUser({ id: created.id })).name).toBe('Ada L.');
  });

  it('appears in the health while the server accepts no writes, and disappears afterwards', async () => {
    onTestFinished(() => server.setReadOnly(false));
    const mesh = await startMesh([userService], { DATABASE_URL: server.url(`${randomUUID()}-<service>`) });
    onTestFinished(() => mesh.stop());
    const failing = () => notServing(mesh.address);
    const limits = { timeoutMs: 20_000, intervalMs: 200 };
    expect(await failing()).toEqual([]);
    await server.setReadOnly(true);
    await eventually(async () => expect(await failing()).toEqual(['', 'user.v1.UserService']), limits);
    await server.setReadOnly(false);
    await eventually(async () => expect(await failing()).toEqual([]), limits);
  });
});

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { kafka } from '../../mesh/testing/servers/kafka-server.ts';
import { postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { rabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';

describe.concurrent('the examples that use a broker', () => {
  it.each([
    ['kafka-producer', 'KAFKA_BROKER', '127.0.0.1:1'],
    ['kafka-consumer', 'KAFKA_BROKER', '127.0.0.1:1'],
    ['rabbitmq-publisher', 'RABBITMQ_URL', 'amqp://127.0.0.1:1'],
    ['rabbitmq-worker', 'RABBITMQ_URL', 'amqp://127.0.0.1:1'],
  ])('%s explains in one line that its broker cannot be reached', { timeout: 30_000 }, async (name, setting, url) => {
    await using example = spawnProcess({ main: `examples/${name}.ts`, dataDir: '', environment: { [setting]: url } });
    expect(await example.ended).toEqual({ code: 3, signal: null });
    expect(example.stderr()).toMatch(
      new RegExp(`^the broker at ${url} cannot be reached \\(.*\\): start it, or set ${setting}\n$`),
    );
  });

  it.each([
    ['kafka-producer', 'KAFKA_BROKER', 'nonsense', 'nonsense', '<host>:<port>'],
    ['kafka-consumer', 'KAFKA_BROKER', 'localhost:99999', 'localhost:99999', '<host>:<port>'],
    ['rabbitmq-publisher', 'RABBITMQ_URL', 'localhost:5672', 'localhost:5672', 'amqp://<host>:<port>'],
    ['rabbitmq-worker', 'RABBITMQ_URL', 'amqp://me:secret@a:99999', 'amqp://a:99999', 'amqp://<host>:<port>'],
  ])('%s refuses a malformed %s before it connects', async (name, setting, value, shown, form) => {
    const environment = { [setting]: value };
    await using example = spawnProcess({ main: `examples/${name}.ts`, dataDir: '', environment });
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe(`invalid ${setting} "${shown}": use ${form}\n`);
  });

  it.each([
    ['kafka-producer', 'KAFKA_BROKER', ''],
    ['kafka-consumer', 'KAFKA_BROKER', ''],
    ['rabbitmq-publisher', 'RABBITMQ_URL', 'amqp://'],
    ['rabbitmq-worker', 'RABBITMQ_URL', 'amqp://'],
  ])(
    '%s explains in one line that the broker ends its connection',
    { timeout: 60_000 },
    async (name, setting, scheme) => {
      await using server = await listen((socket) => socket.destroy());
      const environment = { [setting]: `${scheme}127.0.0.1:${server.port}` };
      await using example = spawnProcess({ main: `examples/${name}.ts`, dataDir: '', environment });
      expect(await example.ended, example.stderr()).toEqual({ code: 3, signal: null });
      expect(example.stderr()).toMatch(/^the broker at \S+ cannot be reached \(.*\): start it, or set \w+\n$/);
    },
  );
});

describeWithServer(postgres, 'examples/event-store.ts on PostgreSQL', () => {
  it('explains in one line that it lost the database', { timeout: 60_000 }, async () => {
    const database = await startPostgres();
    onTestFinished(() => database.stop());
    const url = new URL(database.url('example'));
    const port = Number(url.port);
    let inserts = 0;
    await using proxy = await listen((client) => {
      const upstream = connect(port, '127.0.0.1').on('error', () => undefined);
      upstream.pipe(client);
      client
        .on('close', () => upstream.destroy())
        .on('data', (bytes) => {
          if (bytes.includes('MONEY_DEPOSITED')) inserts += 1;
          if (inserts > 1) client.destroy();
          else upstream.write(bytes);
        });
    });
    url.host = `127.0.0.1:${proxy.port}`;
    const environment = { DATABASE_URL: url.href };
    await using example = spawnProcess({ main: 'examples/event-store.ts', dataDir: '', environment });
    expect(await example.ended, example.stderr()).toEqual({ code: 3, signal: null });
    expect(inserts).toBeGreaterThan(1);
    expect(example.stderr()).toMatch(/^database .*\n$/);
  });
});

describe('the programs of this repository', () => {
  it.each([
    ['scripts/postgres.ts', 'EEXIST', postgres],
    ['scripts/kafka.ts', 'EEXIST', kafka],
    ['scripts/rabbitmq.ts', 'EEXIST', rabbitmq],
  ])('%s explains that it cannot write its data', async (main, problem, { version }) => {
    await using program = spawnProcess({ main, dataDir: '', environment: { DATA_DIR: '/etc/passwd' } });
    expect(await program.ended, program.stderr()).toEqual({ code: 2, signal: null });
    if (version !== undefined)
      expect(program.stderr()).toMatch(new RegExp(`^${problem}: .*: set DATA_DIR to a folder .*\n$`));
  });
});

describe('the examples', () => {
  it.each([
    [
      'event-store',
      { DATABASE_URL: 'postgres://me@127.0.0.1:1/x' },
      3,
      'database 127\\.0\\.0\\.1:1/x cannot be used: .*',
    ],
    ['event-store', { DATABASE_URL: 'mysql://x' }, 2, 'database URL with scheme "mysql:" is not supported: .*'],
    ['event-store', { DATA_DIR: '/proc/nope' }, 2, '.*: set DATA_DIR to a folder that this user may write'],
    ['account-history', { ADDRESS: '127.0.0.1:1' }, 3, 'the mesh at 127.0.0.1:1 cannot be reached: .*'],
    ['account-history', { ADDRESS: 'nowhere' }, 2, 'invalid ADDRESS "nowhere": use <host>:<port>'],
    ['account-history', { ADDRESS: 'localhost:99999' }, 2, 'invalid ADDRESS "localhost:99999": use <host>:<port>'],
  ])('end with one line and the exit code of the cause: %s with %j', async (name, environment, code, line) => {
    await using example = spawnProcess({ main: `examples/${name}.ts`, dataDir: '', environment });
    expect(await example.ended, example.stderr()).toEqual({ code, signal: null });
    expect(example.stdout()).toBe('');
    expect(example.stderr()).toMatch(new RegExp(`^${line}\n$`));
  });
});

describe('examples/import-users.ts', () => {
  it('refuses an invalid number of users before it calls the mesh', async () => {
    await using example = spawnProcess({ main: 'examples/import-users.ts', args: ['many'], dataDir: '' });
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe('invalid number of users "many": use a whole number, minimum 1\n');
  });
});

/** Listens on a free port of 127.0.0.1. */
async function listen(onConnection: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the system returned no port');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

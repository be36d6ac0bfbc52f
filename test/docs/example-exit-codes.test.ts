import { describe, expect, it } from 'vitest';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';

describe('the examples that use a broker', () => {
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

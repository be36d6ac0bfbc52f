import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { planOnFreePorts } from './run.ts';

const servers = { database: 'postgres://a/<service>', events: 'kafka://b', tasks: 'amqp://c' };
const urls = {
  DATABASE_URL: 'postgres://me@127.0.0.1:1/<service>',
  EVENTS_URL: 'kafka://127.0.0.1:1',
  TASKS_URL: 'amqp://127.0.0.1:1',
};

describe('scripts/split.ts', () => {
  /** Runs it with settings until it ends. */
  async function run(environment: Record<string, string>, ...args: string[]) {
    await using folder = await tempFolder();
    await using split = spawnProcess({ main: 'scripts/split.ts', args, dataDir: folder.path, environment });
    const { code } = await split.ended;
    return { code, error: split.stderr().replaceAll(folder.path, '<folder>') };
  }

  it('names all invalid settings before it starts anything', async () => {
    const used = createServer().listen(0, '127.0.0.1');
    await once(used, 'listening');
    const address = `127.0.0.1:${(used.address() as AddressInfo).port}`;
    const settings = {
      DATABASE_URL: 'sqlite:x/<service>.db',
      EVENTS_URL: 'embedded:events.db',
      TASKS_URL: 'embedded:tasks.db',
      REPLICAS: 'many',
      GRPC_LISTEN: address,
      HTTP_LISTEN: 'off',
    };
    expect(await run(settings)).toEqual({
      code: 2,
      error: [
        'cannot start: DATABASE_URL: use postgres://<user>@<host>/<database> with <service> in it',
        'EVENTS_URL: use kafka://<host>:<port>',
        'TASKS_URL: use amqp://<user>:<password>@<host>:<port>',
        'invalid REPLICAS "many": use a number from 1 to 10, or 1,order=2,payment=2',
        `${address} is in use: stop the mesh that listens there, or set GRPC_LISTEN`,
        '',
      ].join('\n'),
    });
    used.close();
  });

  it('names settings that the processes would refuse, once', async () => {
    const { code, error } = await run({ ...urls, LOG_LEVEL: 'loud' });
    expect(code).toBe(2);
    expect(error.slice(-500)).toMatch(/^cannot start: LOG_LEVEL is "loud", but must be .*\n$/);
  });

  it('ends with the text of a process that cannot start, when the others have ended', { timeout: 60_000 }, async () => {
    const { code, error } = await run({ ...urls, REPLICAS: '1', LOG_LEVEL: 'info' });
    expect(code).toBe(2);
    expect(error.slice(-500)).toMatch(
      /\n\S+ split +info {2}stopped\ncannot start: \S+-1 cannot start: database 127\.0\.0\.1:1\/.*\n$/s,
    );
  });

  it('continues if its output is no longer read', { timeout: 60_000 }, async () => {
    await using folder = await tempFolder();
    const environment = { ...urls, REPLICAS: '1', LOG_LEVEL: 'info' };
    await using split = spawnProcess({ main: 'scripts/split.ts', dataDir: folder.path, environment });
    await split.printed(/split +info +starting \d+ processes/);
    split.child.stderr?.destroy();
    expect(await split.ended).toEqual({ code: 2, signal: null });
  });

  it('refuses to restart processes of a mesh that does not run', async () => {
    expect(await run({}, 'restart', 'order')).toEqual({
      code: 1,
      // The shorter path, absolute or from here: the paths of sockets have 107 bytes at most.
      error: expect.stringMatching(
        /^no split mesh listens on \S+\/split\/control: run "make start-split", or set DATA_DIR\n$/,
      ),
    });
  });
});

describe('planOnFreePorts', () => {
  it('leaves the port of the gateway to the gateway', async () => {
    const options = { services: ['user'], gateway: 'gateway', replicas: () => 1, dataDir: 'data', servers };
    const [user] = await planOnFreePorts({ ...options, gatewayAddress: '127.0.0.1:0', gatewayHttp: 'off' });
    const preferred = user?.address ?? '';
    const [moved, gateway] = await planOnFreePorts({ ...options, gatewayAddress: preferred, gatewayHttp: 'off' });
    expect(gateway?.address).toBe(preferred);
    expect(moved?.address).not.toBe(preferred);
  });
});

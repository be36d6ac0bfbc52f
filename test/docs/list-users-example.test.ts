import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';

const count = 3_000;
// So few of them fit into the windows between an instance and the example.
const longName = 'n'.repeat(100);

describeWithServer(postgres, 'examples/list-users.ts', () => {
  let database: PostgresServer;
  let folder: TempFolder;
  let instances: StartedProcess[] = [];
  let gateway: StartedProcess;

  const start = (name: string, service: string, environment: Record<string, string>) =>
    startProcess({
      dataDir: `${folder.path}/${name}`,
      args: [service],
      environment: { GRPC_ENGINE: 'native', METRICS_LISTEN: '127.0.0.1:0', ...environment },
    });
  // Brokers that are away: the outbox keeps what is for them.
  const brokers = { EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' };
  const startUsers = (name: string) => start(name, 'user', { DATABASE_URL: database.url('mesh'), ...brokers });
  /** How many calls the gateway has sent to each instance. */
  const picks = async () => {
    const [, metrics] = /^ready grpc=.* metrics=(\S+)/m.exec(gateway.stdout()) ?? [];
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    return instances.map(({ address }) =>
      Number(new RegExp(`^ordermesh_balancer_picks_total.*"${address}".* (\\d+)$`, 'm').exec(text)?.[1]),
    );
  };

  beforeAll(async () => {
    database = await startPostgres();
    folder = await tempFolder();
    instances = await Promise.all([startUsers('user-1'), startUsers('user-2')]);
    const addresses = instances.map(({ address }) => address).join('+');
    gateway = await start('gateway', 'gateway', { DISCOVERY_URL: `static:user=${addresses}` });
    const { imported } = await gateway.client(UserServiceContract).importUsers(newUsers());
    expect(imported).toBe(BigInt(count));
  }, 120_000);
  afterAll(async () => {
    await Promise.all([gateway, ...instances].map((started) => started?.end('SIGKILL')));
    await database?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  it('reads each user once, although the instance that lists them is killed', { timeout: 60_000 }, async () => {
    const before = await picks();
    const environment = { ADDRESS: gateway.address };
    await using example = spawnProcess({ main: 'examples/list-users.ts', args: ['500'], dataDir: '', environment });
    // It takes five more seconds: time for what follows.
    await example.printed(/^read 500 users$/m);
    const after = await picks();
    const lister = instances.findIndex((_, index) => after[index] !== before[index]);
    await instances[lister]?.kill9();
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null });
    expect(example.stdout()).toMatch(/^cut off after \d+ users: continues after \S+$/m);
    expect(example.stdout()).toMatch(new RegExp(`^read ${count} users, 0 of them twice$`, 'm'));
    expect(await picks()).not.toEqual(after);
  });
});

async function* newUsers() {
  for (let index = 0; index < count; index += 1) {
    yield { user: { name: longName, email: `user-${index}@example.com`, role: 'customer' } };
  }
}

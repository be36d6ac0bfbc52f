import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import type { SpawnedProcess } from '../../mesh/testing/servers/spawn-command.ts';
import { spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

describe('a starting process', () => {
  let folder: TempFolder;
  let dataDir: string;

  beforeEach(async () => {
    folder = await tempFolder();
    dataDir = join(folder.path, 'data');
  });

  afterEach(() => folder[Symbol.asyncDispose]());

  it('prints one line with its address, services and data folder', async () => {
    await using mesh = await startProcess({ dataDir });
    expect(mesh.stdout()).toMatch(
      /^ready grpc=127\.0\.0\.1:\d+ services=user,inventory,payment,shipping,order,notification,report,bridge,ops,edge data=\S+ database=sqlite events=embedded tasks=embedded tls=off tokens=off pid=\d+ in \d+ ms\n$/,
    );
    expect(mesh.stdout()).toContain(
      `data=${dataDir} database=sqlite events=embedded tasks=embedded tls=off tokens=off pid=${mesh.child.pid} `,
    );
    expect(mesh.stderr()).toBe('');
  });

  it('runs a single service', async () => {
    await using mesh = await startProcess({ dataDir, args: ['user'] });
    await expect(shopOf(mesh).users.createUser({ user: { name: 'Ada', email: 'a@b.example' } })).resolves.toMatchObject(
      {
        name: 'Ada',
      },
    );
  });

  it('calls its own services even if they have an address, and logs it', async () => {
    const environment = { DISCOVERY_URL: 'static:user=127.0.0.1:1,payment=127.0.0.1:1', LOG_LEVEL: 'info' };
    await using mesh = await startProcess({ dataDir, environment });
    const shop = shopOf(mesh);
    await fillShop(shop);
    const { id } = await shop.orders.placeOrder(bookOrder());
    expect((await watchToEnd(shop.orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
    expect(mesh.stderr()).toContain(
      '"services":["user","payment"],"msg":"calls to services of this process stay inside it',
    );
  });

  it('gets ready without its registry', async () => {
    const environment = { DISCOVERY_URL: 'consul://127.0.0.1:1' };
    await using mesh = await startProcess({ dataDir, args: ['notification'], environment });
    expect(mesh.stderr()).toContain('"msg":"registry failed; retrying');
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  });

  it('exits on SIGTERM while it waits for its database', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const connected = once(silent, 'connection');
    const environment = { DATABASE_URL: `postgres://nobody@127.0.0.1:${port}/<service>` };
    await using spawned = spawnProcess({ dataDir, environment });
    const [socket] = await connected;
    spawned.child.kill('SIGTERM');
    expect(await spawned.ended).toEqual({ code: 0, signal: null });
    socket.destroy();
    silent.close();
  });

  it('continues with the data of the previous run', async () => {
    await using first = await startProcess({ dataDir });
    await fillShop(shopOf(first));
    const { id } = await shopOf(first).orders.placeOrder(bookOrder());
    const before = await watchToEnd(shopOf(first).orders, id);
    expect(await first.stop()).toEqual({ code: 0, signal: null });

    await using second = await startProcess({ dataDir });
    const shop = shopOf(second);
    await expect(shop.orders.getOrder({ id })).resolves.toEqual(before.at(-1));
    await expect(shop.users.getUser({ id: 'ada' })).resolves.toMatchObject({ email: 'ada@example.com' });
  });

  it('finishes accepted orders after kill -9', async () => {
    await using first = await startProcess({ dataDir });
    const shop = shopOf(first);
    await fillShop(shop);
    const placed = await Promise.all(
      Array.from({ length: 20 }, () => shop.orders.placeOrder(bookOrder({ quantity: 1 }))),
    );
    await first.kill9();

    await using second = await startProcess({ dataDir, environment: { LOG_LEVEL: 'info' } });
    const { orders } = shopOf(second);
    const ends = await Promise.all(placed.map(async ({ id }) => (await watchToEnd(orders, id)).at(-1)?.state));
    expect(ends).toEqual(Array(20).fill(OrderState.ORDER_STATE_COMPLETED));
    expect(second.stderr()).toContain('the previous run did not shut down cleanly');
    expect(second.stderr()).toMatch(/"sagas":\d+,"msg":"unfinished sagas continue"/);
  });

  it('warns if other machines can reach it, and about variables that look like misspelt settings', async () => {
    const environment = { GRPC_LISTEN: '0.0.0.0:0', ALLOW_INSECURE: '1', DATABASE_URI: 'postgres://me@localhost/mesh' };
    await using mesh = await startProcess({ dataDir, environment });
    const [misspelt, open, ...others] = mesh
      .stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(misspelt).toMatchObject({ level: 'warn', found: [{ variable: 'DATABASE_URI', meant: 'DATABASE_URL' }] });
    expect(open).toMatchObject({ level: 'warn', msg: expect.stringContaining('without TLS or authentication') });
    expect(others).toEqual([]);
  });

  it('logs ready, draining and stopped, and nothing else if nothing was left of the previous run', async () => {
    const options = { dataDir, environment: { LOG_LEVEL: 'info' } };
    const messages = ({ stderr }: SpawnedProcess) =>
      stderr()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg);
    await using first = await startProcess(options);
    await first.stop();
    await using second = await startProcess(options);
    await second.stop();
    const life = ['ready', expect.stringContaining('draining'), 'stopped'];
    expect(messages(first)).toEqual(life);
    expect(messages(second)).toEqual(life);
  });

  it('keeps all its data in the data folder', async () => {
    await using mesh = await startProcess({ dataDir });
    await fillShop(shopOf(mesh));
    expect(await readdir(folder.path)).toEqual(['data']);
  });
});

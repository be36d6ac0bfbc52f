import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { type ProcessOptions, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
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

  /** Runs a process that cannot start. Returns its error output as lines. */
  async function refusal(options: ProcessOptions): Promise<string[]> {
    await using spawned = spawnProcess(options);
    expect(await spawned.ended).toEqual({ code: 2, signal: null });
    expect(spawned.stdout()).toBe('');
    return spawned.stderr().trimEnd().split('\n');
  }

  it('fails on a port in use, before it creates anything', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const wanted = `127.0.0.1:${address.port}`;
    for (const variable of ['GRPC_LISTEN', 'METRICS_LISTEN']) {
      const lines = await refusal({ dataDir, environment: { [variable]: wanted } });
      expect(lines).toEqual([
        expect.stringMatching(
          `^cannot start: .*${variable}=${wanted}: process ${process.pid} \\(.+\\) listens there; stop it`,
        ),
      ]);
      expect(existsSync(dataDir)).toBe(false);
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  it('fails if the data folder cannot be created', async () => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const lines = await refusal({ dataDir: join(file, 'data') });
    expect(lines).toEqual([expect.stringMatching(`^cannot start: .*${join(file, 'data')}.*DATA_DIR`)]);
  });

  it('fails where the system allows no folder, without endless retries', async () => {
    const lines = await refusal({ dataDir: '/proc/nope/data' });
    expect(lines).toEqual([
      expect.stringMatching('^cannot start: .*/proc/nope/data .*/proc/nope cannot be created.*DATA_DIR'),
    ]);
  });

  it('fails with a specific message if the data folder is a file', async () => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const lines = await refusal({ dataDir: file });
    expect(lines).toEqual([expect.stringMatching(`^cannot start: .*${file} is a file.*DATA_DIR`)]);
  });

  it('fails on data in use by another process, which continues to serve', async () => {
    await using mesh = await startProcess({ dataDir });
    // Only Linux says who holds a lock.
    const holder = process.platform === 'linux' ? `process ${mesh.child.pid} \\(.+\\)` : '';
    expect(await refusal({ dataDir })).toEqual([
      expect.stringMatching(`^cannot start: .*${dataDir}.*${holder}.*DATA_DIR`),
    ]);
    await fillShop(shopOf(mesh));
  });

  it('reports all invalid settings together, before it creates anything', async () => {
    const environment = {
      GRPC_LISTEN: 'nowhere',
      LOG_LEVEL: 'loud',
      CARRIER_URL: 'ftp://carrier',
      DRAIN_TIMEOUT_MS: 'soon',
    };
    const lines = await refusal({ dataDir, environment: { ...environment, DISCOVERY_URL: 'static:usr=127.0.0.1:1' } });
    expect(lines[0]).toBe('cannot start:');
    for (const [variable, value] of Object.entries(environment)) {
      expect(lines).toContainEqual(expect.stringMatching(`^${variable} is "${value}", but must be `));
    }
    expect(lines).toContainEqual(
      expect.stringMatching(
        '^DISCOVERY_URL has an address of usr, but no package of contracts has that name: did you mean user?',
      ),
    );
    expect(lines).toHaveLength(6);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('refuses to be reached by other machines without TLS and tokens, before it creates anything', async () => {
    expect(await refusal({ dataDir, environment: { GRPC_LISTEN: '0.0.0.0:0' } })).toEqual([
      expect.stringMatching('^cannot start: GRPC_LISTEN is 0.0.0.0:0, which .*TLS_CERT.*AUTH_JWKS.*ALLOW_INSECURE=1'),
    ]);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('names the only invalid setting in one line', async () => {
    expect(await refusal({ dataDir, environment: { LOG_LEVEL: 'loud' } })).toEqual([
      expect.stringMatching('^cannot start: LOG_LEVEL is "loud", but must be '),
    ]);
  });

  it.each(['sqlite:/nowhere/one.db', 'postgres://me@127.0.0.1:1/mesh'])(
    'fails if several services would share the database %s, before it creates or connects to anything',
    async (url) => {
      const [line, ...others] = await refusal({ dataDir, environment: { DATABASE_URL: url } });
      expect(line).toMatch(
        /^cannot start: DATABASE_URL names the same database for several services: write <service> /,
      );
      expect(others).toEqual([]);
      expect(existsSync(dataDir)).toBe(false);
    },
  );

  it('fails if it has no address of a service that its services call, and names all of them', async () => {
    const lines = await refusal({ dataDir, args: ['order', 'notification'] });
    const missing = (name: string, callers: string) =>
      `DISCOVERY_URL has no address of ${name}, which ${callers} calls and this process does not run: add ${name}=<host>:<port>`;
    expect(lines.toSorted()).toEqual([
      missing('inventory', 'order'),
      missing('payment', 'order'),
      missing('shipping', 'order'),
      missing('user', 'order and notification'),
      'cannot start:',
    ]);
  });

  it('fails on an address of an unknown service, and suggests the name', async () => {
    const addresses = ['user', 'inventory', 'paymnt', 'shipping', 'bank'].map((name) => `${name}=127.0.0.1:1`);
    const environment = { DISCOVERY_URL: `static:${addresses.join()}` };
    const known = 'one of events, gateway, inventory, notification, ops, order, payment, report, shipping, user';
    const misspelt = `DISCOVERY_URL has an address of paymnt, but no package of contracts has that name: did you mean payment? Use ${known}`;
    const unknown = `DISCOVERY_URL has an address of bank, but no package of contracts has that name: use ${known}`;
    expect(await refusal({ dataDir, args: ['order'], environment })).toEqual(['cannot start:', misspelt, unknown]);
    expect(await refusal({ dataDir, environment })).toEqual(['cannot start:', misspelt, unknown]);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('fails without the addresses of the previous run, and leaves orders unchanged', async () => {
    await using others = await startProcess({
      dataDir: join(folder.path, 'others'),
      args: ['user', 'inventory', 'payment', 'shipping'],
    });
    const addresses = ['user', 'inventory', 'payment', 'shipping'].map((name) => `${name}=${others.address}`);
    const options = { dataDir, args: ['order', 'ops'] };
    const environment = { DISCOVERY_URL: `static:${addresses.join()}` };
    await using first = await startProcess({ ...options, environment });
    await fillShop({ ...shopOf(others), orders: shopOf(first).orders });
    const placed = await shopOf(first).orders.placeOrder(bookOrder());
    await first.kill9();

    expect(await refusal(options)).toHaveLength(5);
    await using second = await startProcess({ ...options, environment });
    expect((await watchToEnd(shopOf(second).orders, placed.id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
  });

  it('fails if a database of the data folder is missing, and explains what to do', async () => {
    await using mesh = await startProcess({ dataDir });
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
    await rm(join(dataDir, 'order.db'));
    expect(await refusal({ dataDir })).toEqual([
      expect.stringMatching(
        `^cannot start: .*${join(dataDir, 'order.db')}.*is missing.*restore.*delete .*manifest.json$`,
      ),
    ]);
  });
});

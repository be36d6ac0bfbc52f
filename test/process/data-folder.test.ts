import { copyFile, cp, mkdir, readdir, readlink, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { mountSmallDisk, smallDisk } from '../../mesh/testing/servers/small-disk.ts';
import { type StartedProcess, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { notServing } from '../support/health-of.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';

/** Health is checked every 5 s, and the machine may be busy. */
const patient = { timeoutMs: 40_000, intervalMs: 50 };

const environment = { LOG_LEVEL: 'error', DRAIN_TIMEOUT_MS: '3000' };

/** Places orders with eight callers, each until it is refused. */
function placeOrders(shop: Shop) {
  const accepted: Order[] = [];
  const errors: unknown[] = [];
  const one = async () => {
    try {
      for (;;) accepted.push(await shop.orders.placeOrder(bookOrder({ quantity: 1 })));
    } catch (error) {
      errors.push(error);
    }
  };
  const refused = Promise.all(Array.from({ length: 8 }, one));
  return {
    accepted,
    errors,
    refused,
  };
}

/** Copies the open databases of a process whose folder is deleted, as an operator would. */
async function rescue(pid: number | undefined, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    const name = basename(target.replace(/ \(deleted\)$/, ''));
    if (/\.db(-wal)?$/.test(name)) await copyFile(`/proc/${pid}/fd/${descriptor}`, join(to, name));
  }
}

describe('a process whose data folder disappears', () => {
  let folder: TempFolder;
  let dataDir: string;
  let mesh: StartedProcess;

  beforeEach(async () => {
    folder = await tempFolder();
    dataDir = join(folder.path, 'data');
    mesh = await startProcess({ dataDir, environment });
    await fillShop(shopOf(mesh));
  });
  afterEach(async () => {
    await mesh[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** No order is accepted, and health, log and exit code report it. */
  async function expectNothingAccepted(): Promise<void> {
    const order = shopOf(mesh).orders.placeOrder(bookOrder());
    await expect(order).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await eventually(async () => expect(await notServing(mesh.address)).toContain(''), patient);
    expect(await mesh.stop()).toEqual({ code: 1, signal: null });
    expect(mesh.stderr()).toContain('STORAGE_LOST');
  }

  it('accepts no order that is not on disk, and its open files can be rescued', {
    timeout: 90_000,
  }, async () => {
    const load = placeOrders(shopOf(mesh));
    await eventually(() => expect(load.accepted.length).toBeGreaterThan(50), patient);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    const acceptedByThen = load.accepted.length;
    await load.refused;
    // Orders accepted while the folder was being deleted.
    expect(load.accepted.length - acceptedByThen).toBeLessThanOrEqual(8);
    const rescued = join(folder.path, 'rescued');
    await rescue(mesh.child.pid, rescued);
    await expectNothingAccepted();

    await using next = await startProcess({ dataDir: rescued, environment });
    const { orders } = shopOf(next);
    for (const { id } of load.accepted) {
      const states = await watchToEnd(orders, id);
      expect([OrderState.ORDER_STATE_COMPLETED, OrderState.ORDER_STATE_FAILED]).toContain(states.at(-1)?.state);
    }
  });

  it('loses nothing if the copy of the one database that was deleted is put back', { timeout: 90_000 }, async () => {
    const load = placeOrders(shopOf(mesh));
    await eventually(() => expect(load.accepted.length).toBeGreaterThan(20), patient);
    await rm(join(dataDir, 'order.db'));
    await load.refused;
    const rescued = join(folder.path, 'rescued');
    await rescue(mesh.child.pid, rescued);
    // The other services still accept calls, so this is not in the copy.
    await shopOf(mesh).users.createUser({ user: { id: 'eve', name: 'Eve', email: 'eve@example.com' } });
    await expectNothingAccepted();
    expect(mesh.stderr().trimEnd().split('\n').at(-1)).toContain('"lost":["database order"]');

    for (const file of ['order.db', 'order.db-wal']) await copyFile(join(rescued, file), join(dataDir, file));
    await using next = await startProcess({ dataDir, environment: { ...environment, LOG_LEVEL: 'warn' } });
    expect(next.stderr()).not.toContain('manifest.json');
    const { orders, users } = shopOf(next);
    for (const { id } of load.accepted) {
      const states = await watchToEnd(orders, id);
      expect([OrderState.ORDER_STATE_COMPLETED, OrderState.ORDER_STATE_FAILED]).toContain(states.at(-1)?.state);
    }
    expect(await users.getUser({ id: 'eve' })).toMatchObject({ id: 'eve' });
  });

  it('stops serving even if a copy is put in its place', { timeout: 60_000 }, async () => {
    await rename(dataDir, join(folder.path, 'moved'));
    await cp(join(folder.path, 'moved'), dataDir, { recursive: true });
    await expectNothingAccepted();
  });

  it.each(['events.db', 'tasks.db'])('reports the loss of %s alone', { timeout: 60_000 }, async (file) => {
    await rm(join(dataDir, file));
    await eventually(async () => expect(await notServing(mesh.address)).not.toEqual([]), patient);
    expect(await mesh.stop()).toEqual({ code: 1, signal: null });
    const last = mesh.stderr().trimEnd().split('\n').at(-1) ?? '';
    expect(last).toContain(`"lost":["${file === 'events.db' ? 'event log' : 'task queue'}"]`);
    expect(last).not.toContain('next start');
  });
});

describeWithServer(smallDisk, 'a process on a full disk', () => {
  it.each([
    ['a new folder', 'no page', 0],
    ['a new folder', 'room for its first files', 60],
    ['a new folder', 'room for its first databases', 300],
    ['an existing folder', 'no page', 0],
    ['an existing folder', 'one page', 1],
  ])('does not start on %s with %s left, and explains what to do', { timeout: 120_000 }, async (kind, _, pages) => {
    await using disk = mountSmallDisk(40);
    const dataDir = join(disk.path, 'data');
    if (kind === 'an existing folder') {
      await using mesh = await startProcess({ dataDir, environment });
      await mesh.stop();
    }
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(40 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
      expect(error.code).toBe('ENOSPC');
    });
    await truncate(ballast, (await stat(ballast)).size - pages * 4096);
    await using refused = spawnProcess({ dataDir, environment });
    expect(await refused.ended).toEqual({ code: 2, signal: null });
    expect(refused.stderr()).toMatch(/^cannot start: .*disk .*full.*free space on .* and start again\n$/);
    expect(refused.stderr()).toContain(dataDir);
    await rm(ballast);
    await using mesh = await startProcess({ dataDir, environment });
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  });

  it('accepts nothing, reports the full disk in its health, and resumes once there is space', {
    timeout: 120_000,
  }, async () => {
    await using disk = mountSmallDisk(40);
    const dataDir = join(disk.path, 'data');
    await using mesh = await startProcess({ dataDir, environment });
    const shop = shopOf(mesh);
    await fillShop(shop);
    const load = placeOrders(shop);
    await eventually(() => expect(load.accepted.length).toBeGreaterThan(20), patient);
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(40 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
      expect(error.code).toBe('ENOSPC');
    });
    await load.refused;
    await eventually(async () => expect(await notServing(mesh.address)).toContain(''), patient);
    for (const error of load.errors) expect(error).toMatchObject({ code: Status.UNAVAILABLE });

    await rm(ballast);
    await eventually(async () => expect(await notServing(mesh.address)).toEqual([]), patient);
    for (const { id } of load.accepted) {
      const states = await watchToEnd(shop.orders, id);
      expect([OrderState.ORDER_STATE_COMPLETED, OrderState.ORDER_STATE_FAILED]).toContain(states.at(-1)?.state);
    }
    await shop.orders.placeOrder(bookOrder({ quantity: 1 }));
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  });
});

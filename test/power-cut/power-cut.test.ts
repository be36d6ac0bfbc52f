import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { crashPointVariable } from '../crashes/support/crash-point.ts';
import { bookOrder, fillShop, shopOf } from '../support/shop.ts';
import { faultsAfter } from './support/faults.ts';
import { putLoad } from './support/load.ts';
import { type ObservedRun, observe, type RunOptions } from './support/observed-run.ts';
import { compiler } from './support/recorder.ts';
import * as variants from './support/variants.ts';

describeWithServer(compiler, 'a mesh whose power fails', () => {
  let folder: TempFolder;
  let template: string;

  beforeAll(async () => {
    folder = await tempFolder();
    template = join(folder.path, 'template');
    await using mesh = await startProcess({ dataDir: template });
    await fillShop(shopOf(mesh));
    expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  const load = (options: Partial<RunOptions> = {}): Promise<ObservedRun> =>
    observe({ folder: mkdtempSync(join(folder.path, 'run-')), template, syncUs: 2_000, ...options }, (mesh, outside) =>
      putLoad(mesh, outside, { orders: 2, savers: 1, readers: 1, isWatched: true }, AbortSignal.timeout(3_000)),
    );

  it('keeps what was seen outside under load', async () => {
    const run = await load();
    for (const variant of [variants.onlySynced, variants.everything, variants.tornLast, variants.random(1)]) {
      const position = run.ready + Math.floor((run.end - run.ready) * 0.6);
      expect(await faultsAfter(run, position, variant), variant.title).toEqual([]);
    }
  }, 120_000);

  it('keeps it at a crash point', async () => {
    const run = await observe(
      {
        folder: mkdtempSync(join(folder.path, 'run-')),
        template,
        main: 'test/crashes/support/crashing-main.ts',
        environment: { [crashPointVariable]: 'after payment commit 1' },
      },
      async (mesh, outside) => {
        const shop = shopOf(mesh);
        const request = bookOrder();
        const placed = await outside.send('PlaceOrder', ({ orders }) => orders.placeOrder(request), shop);
        outside.order(placed);
        await Promise.race([mesh.ended, delay(20_000, undefined, { ref: false })]);
      },
    );
    for (const variant of [variants.onlySynced, variants.everything]) {
      expect(await faultsAfter(run, run.end, variant), variant.title).toEqual([]);
    }
  }, 120_000);

  it('is caught if it does not sync the orders', async () => {
    const run = await load({ lostSyncs: ['*/order.db-wal'] });
    const faults = await faultsAfter(run, run.end, variants.onlySynced);
    expect(faults).toContainEqual(expect.stringMatching(/^an order that was seen: order \S+ not found/));
    expect(faults).toContainEqual(expect.stringMatching(/^the cause of a shipment: order \S+ not found/));
  }, 120_000);
});

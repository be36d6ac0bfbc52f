import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { isEnded } from '../../scripts/support/order-faults.ts';
import { bookOrder, shopOf, watchToEnd } from '../support/shop.ts';
import { missingCauses } from './support/causes.ts';
import { faultsAfter } from './support/faults.ts';
import { checkpointCuts, killPoints, type PowerCut, powerCuts, restartedLogs, spread } from './support/moments.ts';
import type { ObservedRun } from './support/observed-run.ts';
import { type Knowledge, nothing, type Outside } from './support/outside.ts';
import { patched, smallCheckpoints } from './support/patches.ts';
import { rebuild } from './support/rebuild.ts';
import { compiler } from './support/recorder.ts';
import { testRuns } from './support/test-runs.ts';
import * as variants from './support/variants.ts';

/** Whether `make verify-power-cut` runs. */
const isComplete = process.env.VERIFY_POWER_CUT === '1';
/** How many power cuts of each kind of run. */
const cuts = isComplete ? 60 : 3;
/** Another seed cuts at other moments. */
const seed = Number(process.env.POWER_CUT_SEED ?? 1);
const timeout = 60_000 + cuts * 10_000;

/** Some orders have ended, and many calls were answered. */
const enough = ({ requests, orders }: Knowledge) =>
  requests.filter(({ answer }) => answer).length >= (isComplete ? 200 : 40) &&
  orders.filter(({ seen }) => isEnded(seen)).length >= 5;

const busy = { orders: 3, savers: 2, readers: 2, isWatched: true };

describeWithServer(compiler, 'a mesh whose power fails', () => {
  const runs = testRuns();

  async function expectToSurvive(run: ObservedRun, all: readonly PowerCut[]): Promise<void> {
    for (const { position, variant } of all) {
      const faults = await faultsAfter(run, position, variant);
      expect(faults, `${variant.title}, power cut at ${position} of ${run.end} (seed ${seed})`).toEqual([]);
    }
  }

  /** Everything that was seen had its causes on the disk. */
  function expectCauses(run: ObservedRun): void {
    const { missing, compared } = missingCauses(run);
    expect(missing).toEqual([]);
    // Most ids are stored as they are sent. If none is found, this compares nothing.
    expect(compared).toBeGreaterThan(20);
  }

  it('is recorded completely', { timeout }, async () => {
    const run = await runs.observe({}, async (mesh, outside) => {
      const request = bookOrder();
      const shop = shopOf(mesh);
      const { id } = await outside.send('PlaceOrder', ({ orders }) => orders.placeOrder(request), shop);
      await watchToEnd(shop.orders, id);
      // A process that is killed may have made its last change without a record.
      await mesh.stop();
    });
    await using folder = await tempFolder();
    rebuild(run, run.end, variants.everything, join(folder.path, 'disk'));
    expect(contentOf(join(folder.path, 'disk'))).toEqual(contentOf(run.root));
  });

  it('keeps all that was seen outside under load, also in a folder that was created again', { timeout }, async () => {
    const run = await runs.load(busy, { enough, main: 'test/power-cut/support/without-mail-folder-main.ts' });
    expectCauses(run);
    await expectToSurvive(run, [{ position: run.end, variant: variants.contentOnly }]);
    await expectToSurvive(run, powerCuts(run, cuts, seed));
  });

  it('keeps what it has sent mails about, while logs are copied to their files', { timeout }, async () => {
    const run = await runs.load(busy, { enough, mails: 'smtp', ...patched(smallCheckpoints) });
    expectCauses(run);
    for (const database of ['order', 'payment', 'events']) expect(restartedLogs(run)).toContain(database);
    await expectToSurvive(run, powerCuts(run, cuts / 2, seed + 1));
    await expectToSurvive(run, checkpointCuts(run, cuts / 2, seed + 1));
  });

  it('reads nothing that a killed process left before it is on the disk', { timeout }, async () => {
    const run = await runs.restarted(busy, { enough });
    const orders = run.known.orders.filter(({ position }) => position >= run.ready);
    const { missing, compared } = missingCauses({ ...run, known: { ...nothing, orders } });
    expect(missing).toEqual([]);
    expect(compared).toBeGreaterThan(0);
    await expectToSurvive(run, [{ position: orders[0]?.position ?? 0, variant: variants.onlySynced }]);
    if (isComplete) await expectToSurvive(run, powerCuts(run, cuts / 2, seed + 3));
  });

  it('keeps a data folder that is new, with the carrier in it', { timeout }, async () => {
    const run = await runs.fromNothing(busy, { enough, carrier: 'embedded' });
    await expectToSurvive(run, [{ position: run.end, variant: variants.contentOnly }]);
    await expectToSurvive(run, powerCuts(run, cuts / 2, seed + 2, 0));
  });

  it('keeps it wherever its process could be killed', { timeout: timeout * 4 }, async () => {
    const run = await runs.observe({ main: 'test/power-cut/support/marking-main.ts', mails: 'smtp' }, placeOfEachKind);
    const points = killPoints(run);
    for (const operation of [
      'order run:charge',
      'payment commit',
      'publish',
      'notification event',
      'notification task',
    ])
      expect(
        points.some(({ title }) => title.includes(operation)),
        operation,
      ).toBe(true);
    const chosen = isComplete ? points : spread(points, cuts);
    for (const [index, { title, position }] of chosen.entries()) {
      const variant = index % 2 === 0 ? variants.onlySynced : variants.random(seed * 1_000 + index);
      expect(await faultsAfter(run, position, variant), `${title}, ${variant.title}`).toEqual([]);
    }
  });
});

/** Returns the hash of each file below a folder. */
function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).filter((path) => !path.endsWith('-shm'));
  return Object.fromEntries(
    paths.map((path) => [relative(folder, path), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

/** Places an order for each way in which one can end, and waits for the ends. */
async function placeOfEachKind(mesh: StartedProcess, outside: Outside): Promise<void> {
  const shop = shopOf(mesh);
  await Promise.all(
    [{}, { countryCode: 'AQ' }, { userId: 'tom' }, { isCancelled: true }].map(async ({ isCancelled, ...kind }) => {
      const request = bookOrder({ quantity: 1, ...kind });
      const placed = await outside.send('PlaceOrder', ({ orders }, given) => orders.placeOrder(request, given), shop);
      outside.order(placed);
      const cancel = { requestId: randomUUID(), id: placed.id };
      if (isCancelled)
        outside.order(
          await outside.send('CancelOrder', ({ orders }, given) => orders.cancelOrder(cancel, given), shop),
        );
      for await (const order of shop.orders.watchOrder({ id: placed.id })) outside.order(order);
    }),
  );
  // Their last mails.
  await eventually(() => expect(outside.known.mails.length).toBeGreaterThanOrEqual(8), { timeoutMs: 20_000 });
}

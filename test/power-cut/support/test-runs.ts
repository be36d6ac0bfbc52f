import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { type StartedProcess, startProcess } from '../../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { fillShop, shopOf } from '../../support/shop.ts';
import { type Load, putLoad } from './load.ts';
import { type ObservedRun, observe, type RunOptions, type Use } from './observed-run.ts';
import type { Knowledge, Outside } from './outside.ts';
import { patched } from './patches.ts';

/** As long as a sync of a cheap disk takes: what does not wait for it is far ahead of it. */
const syncUs = 2_000;

/** The load of a run ends when this is known, or after 20 s. */
type Enough = (known: Knowledge) => boolean;

type Options = Partial<RunOptions> & { readonly enough?: Enough };

const maxLoadMs = 20_000;

const answers =
  (count: number): Enough =>
  ({ requests }) =>
    requests.filter(({ answer }) => answer).length >= count;

/** Fills a shop before the tests of this suite, for recorded runs that begin with it. Removes all runs after them. */
export function testRuns() {
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

  const newFolder = () => mkdtempSync(join(folder.path, 'run-'));

  return {
    /** Records a mesh with a filled shop. */
    observe: (options: Options, use: Use): Promise<ObservedRun> =>
      observe({ syncUs, ...options, folder: newFolder(), template }, use),
    /** Records a mesh with a filled shop under load. */
    load: (load: Load, { enough = answers(15), ...options }: Options = {}): Promise<ObservedRun> =>
      observe({ syncUs, ...options, folder: newFolder(), template }, (mesh, outside) =>
        putLoadUntil(enough, mesh, outside, load),
      ),
    /** Records the first start of a mesh, the filling of its shop, and a load. */
    fromNothing: (load: Load, { enough = answers(15), ...options }: Options = {}): Promise<ObservedRun> =>
      observe({ syncUs, ...options, folder: newFolder() }, async (mesh, outside) => {
        await fillShop(shopOf(mesh));
        outside.filled();
        await putLoadUntil(enough, mesh, outside, load);
      }),
    /** Records a load on a mesh whose logs are not synced, which is killed, and what the next process shows. */
    restarted: (load: Load, { enough = answers(15), ...options }: Options = {}): Promise<ObservedRun> => {
      const killed: NonNullable<RunOptions['killed']> = {
        lostSyncs: ['*-wal'],
        use: (mesh, outside) => putLoadUntil(enough, mesh, outside, load),
      };
      const all = { syncUs, ...patched(), ...options, folder: newFolder(), template, killed };
      return observe(all, async (mesh, outside) => {
        for await (const order of shopOf(mesh).orders.listOrders({})) outside.order(order);
      });
    },
  };
}

async function putLoadUntil(enough: Enough, mesh: StartedProcess, outside: Outside, load: Load): Promise<void> {
  const ending = new AbortController();
  const looking = (async () => {
    for (const late = AbortSignal.timeout(maxLoadMs); !late.aborted && !enough(outside.known); ) await delay(20);
    ending.abort();
  })();
  await putLoad(mesh, outside, load, ending.signal);
  await looking;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { added } from '../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../testing/totals.ts';
import { totalsOf } from '../testing/totals-table.ts';
import { selectLive } from './generation-table.ts';
import { parkedEventSuite } from './parked/parked.suite.ts';
import { projectorSuite } from './projector.suite.ts';
import { rebuildSuite } from './rebuild/rebuild.suite.ts';
import { rebuildParkedSuite } from './rebuild/rebuild-parked.suite.ts';

describe('a projector', () => {
  describeOnEachDatabase(projectorSuite);
});

describe('a projector with an event that its projection throws on', () => {
  describeOnEachDatabase(parkedEventSuite);
});

describe('the rebuild of a projection', () => {
  describeOnEachDatabase(rebuildSuite);
});

describe('the rebuild of a projection that cannot apply some events', () => {
  describeOnEachDatabase(rebuildParkedSuite);
});

describe('a projector in a process that is killed', () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('has projected exactly the events up to its position, and catches up at the next start', async () => {
    const path = join(folder.path, 'killed.db');
    for (let round = 0; round < 5; round += 1) {
      const program = new URL('../testing/project-until-killed.ts', import.meta.url).pathname;
      const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      // Kill it at a different point each time.
      for (let waited = 0; waited < 3 * round; waited += 1) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const opened = await openTotals(`sqlite:${path}`);
    const { position } = await selectLive(opened.storage, 'totals');
    const all = await opened.store.readAll(0n, 1_000_000);
    expect(position).toBeGreaterThan(0n);
    expect(await totalsOf(opened.storage)).toEqual(foldOf(all.filter((event) => event.position <= position)));
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual(foldOf(all)));
  });
});

describeWithServer(postgres, 'a projector on a PostgreSQL server that restarts', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('continues when the server is back, and applies each event once', async () => {
    const opened = await openTotals(server.url('restarted'));
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await opened.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
    await server.killImmediate();
    await server.restart();
    await eventually(() => opened.store.append('a', 1n, added(2)));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3' }));
  });

  it('takes over from a process that projected before', async () => {
    const [ours, theirs] = [await openTotals(server.url('shared')), await openTotals(server.url('shared'))];
    const [first, second] = [await makeProjector(ours, createTotals()), await makeProjector(theirs, createTotals())];
    await first.start();
    await second.start();
    await ours.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(ours.storage)).toEqual({ a: '1' }));
    await first.stop();
    await ours.store.append('a', 1n, added(2));
    await eventually(async () => expect(await totalsOf(ours.storage)).toEqual({ a: '3' }));
  });
});

function foldOf(events: readonly { readonly stream: string; readonly data: object }[]): Record<string, string> {
  const totals: Record<string, string> = {};
  for (const { stream, data } of events) {
    totals[stream] = (BigInt(totals[stream] ?? 0) + BigInt((data as { amount: string }).amount)).toString();
  }
  return totals;
}

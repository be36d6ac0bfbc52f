import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { added } from '../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../testing/totals.ts';
import { totalsOf } from '../testing/totals-table.ts';
import { createLiveViews } from './live-views.ts';

const query = 'SELECT * FROM totals_live ORDER BY stream';

function liveViewSuite(newUrl: NewDatabaseUrl): void {
  it('shows the rows of the live generation, without its number', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await opened.storage.execute(`INSERT INTO totals VALUES (1, 'a', '3', 2), (2, 'a', '4', 2), (2, 'b', '5', 1)`);
    expect(await opened.storage.query(query)).toEqual([{ stream: 'a', total: '3', events: 2n }]);
    await projector.stop();
  });

  it('exists once, even if several processes start at a time', async () => {
    const url = newUrl();
    const processes = await Promise.all(Array.from({ length: 4 }, () => openTotals(url)));
    await Promise.all(processes.map((opened) => makeProjector(opened, createTotals())));
    for (const { storage } of processes) expect(await storage.query(query)).toEqual([]);
  });

  it('is created in a database whose projections are older than it', async () => {
    const opened = await openTotals(newUrl());
    const first = await makeProjector(opened, createTotals());
    await first.start();
    await opened.store.append('a', 0n, added(3));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3' }));
    await first.stop();
    await opened.storage.execute('DROP VIEW totals_live');
    await makeProjector(opened, createTotals());
    expect(await totalsOf(opened.storage)).toEqual({ a: '3' });
  });

  it('is replaced if the columns of its table have changed', async () => {
    const { storage } = await openTotals(newUrl());
    const totals = createTotals();
    await makeProjector({ storage, store: (await openTotals(newUrl())).store }, totals);
    await storage.execute(`INSERT INTO totals VALUES (1, 'a', '3', 2)`);
    const fewer = [{ table: 'totals', key: ['stream'], values: ['total'] }];
    await createLiveViews(storage, { ...totals, tables: fewer });
    expect(await storage.query(query)).toEqual([{ stream: 'a', total: '3' }]);
    await createLiveViews(storage, totals);
    expect(await storage.query(query)).toEqual([{ stream: 'a', total: '3', events: 2n }]);
  });

  it('shows a rebuilt generation from one query to the next', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await opened.store.append('a', 0n, added(3));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3' }));
    await opened.storage.execute(`UPDATE totals SET total = '9'`);
    const seen = new Set<string | undefined>();
    const signal = new AbortController().signal;
    for await (const { stage } of projector.admin.rebuild('totals', { dryRun: false }, signal)) {
      seen.add((await totalsOf(opened.storage)).a);
      if (stage !== 'switched') expect(await totalsOf(opened.storage)).toEqual({ a: '9' });
    }
    expect(await totalsOf(opened.storage)).toEqual({ a: '3' });
    expect(seen).toEqual(new Set(['9', '3']));
  });

  it('finds a row by the index of the table', async () => {
    const { storage, store } = await openTotals(newUrl());
    await makeProjector({ storage, store }, createTotals());
    const explain = { sqlite: 'EXPLAIN QUERY PLAN', postgres: 'EXPLAIN' }[storage.dialect];
    const plan = await storage.transaction(async (tx) => {
      if (storage.dialect === 'postgres') await tx.execute('SET LOCAL enable_seqscan = off');
      return await tx.query(`${explain} SELECT total FROM totals_live WHERE stream = 'a'`);
    });
    const text = plan.map((row) => Object.values(row).join(' ')).join('\n');
    const lookup = {
      sqlite: /SEARCH totals USING INDEX \S+ \(generation=\? AND stream=\?\)/,
      postgres: /Index Cond: \(\(generation = \$0\) AND \(stream = 'a'::text\)\)/,
    };
    expect(text).toMatch(lookup[storage.dialect]);
  });
}

describe('the view of the live generation', () => {
  describeOnEachDatabase(liveViewSuite);
});

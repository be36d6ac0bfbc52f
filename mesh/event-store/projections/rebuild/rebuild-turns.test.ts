import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../../testing/databases.ts';
import { eventually } from '../../../testing/eventually.ts';
import { measureTurns } from '../../../testing/measure-turns.ts';
import { added } from '../../testing/fixture.ts';
import { createTotals, makeProjector, openTotals, rebuildTotals } from '../../testing/totals.ts';
import { projectionAudits } from '../audit-projections.ts';

const streams = 10_000;
const streamsPerCommit = 1_000;

describeOnEachDatabase((newUrl) => {
  /** Returns the projector of a projection with a row for each stream. */
  async function projectStreams() {
    const opened = await openTotals(newUrl());
    const { storage, store } = opened;
    for (let start = 0; start < streams; start += streamsPerCommit) {
      await storage.transaction(async (tx) => {
        for (let index = start; index < start + streamsPerCommit; index += 1) {
          await store.appendIn(tx, `s-${index}`, 0n, [added(1)]);
        }
      });
    }
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    const head = await store.head();
    await eventually(async () => expect((await projector.admin.list())[0]?.position).toBe(head));
    return projector;
  }

  it('lets calls through during a rebuild and during an audit', async ({ skip }) => {
    skip(newUrl().startsWith('postgres'), 'the statements run in another process');
    const projector = await projectStreams();
    const [check] = projectionAudits(projector.names, projector.admin);
    const audit = () => Array.fromAsync(check?.run({ examined: () => undefined }, new AbortController().signal) ?? []);
    for (const work of [() => rebuildTotals(projector), audit]) {
      const { totalMs, longestMs } = await measureTurns(work);
      expect(longestMs).toBeLessThan(totalMs / 15);
    }
  }, 60_000);
});

import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../../testing/databases.ts';
import { eventually } from '../../../testing/eventually.ts';
import { measureTurns } from '../../../testing/measure-turns.ts';
import { systemClock } from '../../../time/clock.ts';
import { added, type OpenStore } from '../../testing/fixture.ts';
import { createTotals, makeProjector, openTotals, rebuildTotals } from '../../testing/totals.ts';
import { projectionAudits } from '../audit-projections.ts';

const streams = 10_000;
const streamsPerCommit = 1_000;
/** How many turns of the event loop a call takes from its arrival to its response. */
const turnsOfCall = 3;

describeOnEachDatabase((newUrl) => {
  let transactions = 0;

  /** Returns the projector of a projection with a row for each stream. It counts its transactions. */
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
    const projector = await makeProjector(countingTransactions(opened), createTotals());
    await projector.start();
    const head = await store.head();
    await eventually(async () => expect((await projector.admin.list())[0]?.position).toBe(head));
    const [check] = projectionAudits(projector.names, projector.admin, systemClock);
    const audit = () => Array.fromAsync(check?.run({ examined: () => undefined }, new AbortController().signal) ?? []);
    return { rebuild: () => rebuildTotals(projector), audit };
  }

  function countingTransactions({ storage, ...opened }: OpenStore): OpenStore {
    const transaction: typeof storage.transaction = (work, options) =>
      storage.transaction((tx) => {
        transactions += 1;
        return work(tx);
      }, options);
    return { ...opened, storage: { ...storage, transaction } };
  }

  it('lets calls through during a rebuild and during an audit', async ({ skip }) => {
    skip(newUrl().startsWith('postgres'), 'the statements run in another process');
    const { rebuild, audit } = await projectStreams();
    for (const work of [rebuild, audit]) {
      const { totalMs, longestMs } = await measureTurns(work);
      expect(longestMs).toBeLessThan(totalMs / 15);
    }
  }, 60_000);

  it('makes a call wait for one portion of a rebuild and of an audit', async ({ skip }) => {
    skip(newUrl().startsWith('postgres'), 'the statements run in another process');
    const { rebuild, audit } = await projectStreams();
    for (const work of [rebuild, audit]) {
      const portions: number[] = [];
      let ended = false;
      const running = work().finally(() => {
        ended = true;
      });
      while (!ended) {
        const before = transactions;
        for (let turn = 0; turn < turnsOfCall; turn += 1) await setImmediate();
        portions.push(transactions - before);
      }
      await running;
      const several = portions.filter((count) => count > 1);
      // A few short ones follow each other when one stage ends and the next begins.
      expect(several.length).toBeLessThanOrEqual(8);
    }
  }, 60_000);
});

import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { added } from '../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../testing/totals.ts';

const events = 1_200;

describeOnEachDatabase((newUrl) => {
  /** Lets a projection catch up whose events take this long. Returns how many it was given at once. */
  async function batchesOf(eventMs: number): Promise<number[]> {
    const opened = await openTotals(newUrl());
    await opened.store.append(
      's-1',
      0n,
      Array.from({ length: events }, () => added(1)),
    );
    const clock = createTestClock();
    const totals = createTotals();
    const sizes: number[] = [];
    const projection: typeof totals = {
      ...totals,
      async apply(tx, generation, given) {
        await totals.apply(tx, generation, given);
        sizes.push(given.length);
        clock.advance(given.length * eventMs);
      },
    };
    const projector = await makeProjector(opened, projection, clock);
    await projector.start();
    const head = await opened.store.head();
    await eventually(async () => expect((await projector.admin.list())[0]?.position).toBe(head));
    return sizes;
  }

  it('catches up with more events at once while they take little time', async () => {
    expect(await batchesOf(0)).toEqual([50, 100, 200, 400, 450]);
  });

  it('catches up with few events at once if they block the process for long', async ({ skip }) => {
    skip(newUrl().startsWith('postgres'), 'the statements run in another process');
    expect(await batchesOf(1)).toEqual(Array(events / 50).fill(50));
  });
});

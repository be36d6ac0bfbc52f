import { describe, expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { changeStatements } from '../../testing/change-statements.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { outOfReach } from '../testing/events.ts';
import { describeOutboxes, expectOutboxEmpty } from '../testing/outboxes.ts';

const versions = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Counts the reads and deletions of events in the outbox of a storage. */
function counted(storage: Storage) {
  const counts = { reads: 0, deletions: 0 };
  const counting = changeStatements(storage, (sql, params) => {
    if (sql.startsWith('SELECT id, destination') && params[0] === 'event') counts.reads += 1;
    if (sql.startsWith('DELETE FROM outbox')) counts.deletions += 1;
    return sql;
  });
  return { counts, storage: counting };
}

describe('an outbox that hands its entries over in memory', () => {
  describeOutboxes(({ makeOutbox, add, parts, sent, sentVersions, watched }) => {
    it('reads its table only at its start and after a failure, and deletes in lots', async (context) => {
      if (parts().storage.dialect === 'postgres') return context.skip('other processes may write to the table');
      const { counts, storage } = counted(parts().storage);
      let [fails, failures] = [false, 0];
      const events: EventLog = {
        ...parts().events,
        async publish(batch) {
          if (!fails) return await watched(parts().events).publish(batch);
          failures += 1;
          throw outOfReach();
        },
      };
      const outbox = await makeOutbox({ storage, events });
      await outbox.start();
      for (let version = 1; version <= 50; version++) {
        await add(outbox, 'a', version);
        await eventually(() => expect(sent()).toHaveLength(version), { intervalMs: 1 });
      }
      expect(counts).toMatchObject({ reads: 1 });
      expect(counts.deletions).toBeLessThan(10);
      fails = true;
      for (let version = 51; version <= 60; version++) await add(outbox, 'a', version);
      await eventually(() => expect(failures).toBeGreaterThan(0));
      fails = false;
      await eventually(() => expect(sentVersions('a')).toEqual(versions(1, 60)));
      expect(counts.reads).toBeGreaterThan(1);
      await eventually(() => expectOutboxEmpty(outbox));
    });

    it('deletes tasks as soon as they are delivered, so that a crash repeats hardly any', async () => {
      const rows = async () => (await parts().storage.query('SELECT id FROM outbox')).length;
      // Its time stands still, and with it what is deleted later.
      const outbox = await makeOutbox({ clock: createTestClock() });
      await outbox.start();
      const ran: string[] = [];
      await parts().tasks.work({ queue: 'q', handle: async ({ id }) => void ran.push(id) });
      await parts().storage.transaction(async (tx) => {
        for (const id of ['1', '2'])
          await outbox.addTask(tx, { queue: 'q', id, payload: Buffer.from('work'), headers: {} });
      });
      await eventually(async () => expect([ran.toSorted(), await rows()]).toEqual([['1', '2'], 0]));
    });

    it('deletes what is delivered soon, even if nothing follows, and before it stops', async () => {
      const outbox = await makeOutbox();
      const rows = async () => (await parts().storage.query('SELECT id FROM outbox')).length;
      await outbox.start();
      await add(outbox, 'a', 1);
      await eventually(async () => expect([sent().length, await rows()]).toEqual([1, 0]));
      await add(outbox, 'a', 2);
      await outbox.stop(5000);
      expect([sentVersions('a'), await rows()]).toEqual([[1, 2], 0]);
    });
  });
});

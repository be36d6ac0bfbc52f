import { describe, expect, it } from 'vitest';
import type { OutboxEntry } from './outbox-table.ts';
import { createWaitingEntries } from './waiting-entries.ts';

const entry = (id: number): OutboxEntry => ({
  id: BigInt(id),
  destination: 't',
  key: 'k',
  headers: {},
  value: new Uint8Array(),
  timeMs: 0,
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A table whose entries are committed, handed over and deleted by hand. */
function openTable() {
  let rows: OutboxEntry[] = [];
  let reads = 0;
  const waiting = createWaitingEntries(async (limit) => {
    reads += 1;
    const found = rows.slice(0, limit);
    await duringRead();
    return found;
  });
  let duringRead = async (): Promise<void> => undefined;
  return {
    reads: () => reads,
    waiting,
    commit: (id: number) => {
      rows.push(entry(id));
      waiting.add(entry(id));
    },
    afterSnapshot: (action: () => void) => {
      duringRead = async () => action();
    },
    async take(limit: number) {
      const taken = (await waiting.take(limit)).map(({ id }) => Number(id));
      rows = rows.filter(({ id }) => !taken.includes(Number(id)));
      return taken;
    },
  };
}

describe('the entries that wait for a relay', () => {
  it('are read from the table once, and then handed over in memory', async () => {
    const table = openTable();
    for (const id of range(1, 3)) table.commit(id);
    expect(await table.take(10)).toEqual([1, 2, 3]);
    for (const id of range(4, 8)) table.commit(id);
    expect(await table.take(3)).toEqual([4, 5, 6]);
    expect(await table.take(3)).toEqual([7, 8]);
    expect(await table.take(3)).toEqual([]);
    expect(table.reads()).toBe(1);
  });

  it('include once what is committed while the table is read', async () => {
    const table = openTable();
    table.commit(1);
    table.afterSnapshot(() => table.commit(2));
    expect(await table.take(10)).toEqual([1]);
    expect(await table.take(10)).toEqual([2]);
    expect(table.reads()).toBe(1);
    // Committed, and seen by the read, before it is handed over.
    const late = openTable();
    late.commit(1);
    late.afterSnapshot(() => late.waiting.add(entry(1)));
    expect(await late.take(10)).toEqual([1]);
    expect(await late.take(10)).toEqual([]);
  });

  it('are read from the table until it has no more than were asked for', async () => {
    const table = openTable();
    for (const id of range(1, 5)) table.commit(id);
    expect(await table.take(2)).toEqual([1, 2]);
    table.commit(6);
    expect(await table.take(2)).toEqual([3, 4]);
    expect(await table.take(3)).toEqual([5, 6]);
    table.commit(7);
    expect(await table.take(3)).toEqual([7]);
    expect(table.reads()).toBe(3);
  });

  it('are read from the table again after a failure, and if too many are in memory', async () => {
    const table = openTable();
    expect(await table.take(10)).toEqual([]);
    table.commit(1);
    table.waiting.forget();
    table.commit(2);
    expect(await table.take(10)).toEqual([1, 2]);
    for (const id of range(3, 2500)) table.commit(id);
    expect(await table.take(5000)).toEqual(range(3, 2500));
    expect(table.reads()).toBe(3);
  });
});

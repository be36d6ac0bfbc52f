import type { OutboxEntry } from './outbox-table.ts';

/** The entries that wait for a relay: those committed by this process from memory, all others from the table. */
export interface WaitingEntries {
  /** Hands over an entry that was committed. Call it in the order of the commits. */
  add(entry: OutboxEntry): void;
  /** Returns the oldest `limit` entries, in id order, each once. */
  take(limit: number): Promise<OutboxEntry[]>;
  /** Forgets what is in memory, so the table is read next: after a failure, what was taken waits there. */
  forget(): void;
}

/** More than this, and they are read from the table. */
const maxHeld = 2000;

/**
 * Creates the entries of a database that only this process uses, so what it has committed since the table was last read to its
 * end is all that waits. `readTable` returns the oldest entries of the table.
 */
export function createWaitingEntries(readTable: (limit: number) => Promise<OutboxEntry[]>): WaitingEntries {
  /** `undefined` while there may be others in the table. */
  let held: OutboxEntry[] | undefined;
  let newest = 0n;

  function forget(): void {
    held = undefined;
  }

  async function readAll(limit: number): Promise<OutboxEntry[]> {
    // Collected from before the read, which may not see what is committed during it.
    held = [];
    let rows: OutboxEntry[];
    try {
      rows = await readTable(limit);
    } catch (error) {
      forget();
      throw error;
    }
    const last = rows.at(-1)?.id ?? 0n;
    if (rows.length === limit) forget();
    held = held?.filter(({ id }) => id > last);
    return rows;
  }

  return {
    add(entry) {
      if (held === undefined) return;
      if (held.length >= maxHeld || entry.id <= newest) return forget();
      newest = entry.id;
      held.push(entry);
    },
    take: async (limit) => (held === undefined ? await readAll(limit) : held.splice(0, limit)),
    forget,
  };
}

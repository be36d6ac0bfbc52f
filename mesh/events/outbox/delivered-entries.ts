import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import { deleteEntries } from './outbox-table.ts';

/** Entries that are delivered and still in the table. They are deleted in lots: one costs little less than many. */
export interface DeliveredEntries {
  /** Whether there are any. */
  readonly some: boolean;
  add(ids: readonly bigint[]): void;
  /** Whether they should be deleted now. After a crash, those that are not deleted are delivered again. */
  isDue(): boolean;
  /** Deletes them. */
  delete(): Promise<void>;
  /** Runs `work` in the transaction that deletes them. */
  deleteWith<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface DeliveredEntriesOptions {
  readonly storage: Storage;
  /** How long they may stay in the table, in milliseconds. 0: each batch is deleted when it is delivered. */
  readonly maxUndeletedMs: number;
  readonly clock: Clock;
}

const maxEntries = 500;

export function createDeliveredEntries({ storage, maxUndeletedMs, clock }: DeliveredEntriesOptions): DeliveredEntries {
  let delivered: bigint[] = [];
  let sinceMs = 0;

  async function deleteWith<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const ids = delivered;
    delivered = [];
    try {
      return await storage.transaction(async (tx) => {
        deleteEntries(tx, ids);
        return await work(tx);
      });
    } catch (error) {
      delivered.unshift(...ids);
      throw error;
    }
  }

  return {
    get some() {
      return delivered.length > 0;
    },
    add(ids) {
      if (delivered.length === 0) sinceMs = clock.elapsedMs();
      delivered.push(...ids);
    },
    isDue() {
      if (delivered.length === 0) return false;
      return delivered.length >= maxEntries || clock.elapsedMs() - sinceMs >= maxUndeletedMs;
    },
    async delete() {
      if (delivered.length > 0) await deleteWith(async () => undefined);
    },
    deleteWith,
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from '../../../mesh/app/service/service.ts';
import type { Storage, TransactionOptions } from '../../../mesh/storage/storage.ts';

/** The environment variable of `planted-main.ts`: a bug, the service that has it, and how late it flushes: `flushes-late order 40`. */
export const plantedBugVariable = 'PLANTED_BUG';

/**
 * A bug of a service's database. `never-flushes`: a commit is answered without waiting for the disk. `flushes-late`: it waits
 * before it answers, but everybody else sees and uses the commit at once.
 */
export type PlantedBug = 'never-flushes' | 'flushes-late';

const migration = { name: '0001-init', sql: 'CREATE TABLE planted_bug (flushes BIGINT)' };

/** Plants a bug into a service's runtime. */
export function plantBug(bug: PlantedBug, lateMs: number, runtime: Runtime): Runtime {
  return {
    ...runtime,
    async openStorage(...args) {
      const storage = await runtime.openStorage(...args);
      await storage.migrate('planted-bug', [migration]);
      const flush = () => storage.execute('INSERT INTO planted_bug (flushes) VALUES (1)');
      const transaction: Storage['transaction'] = async (work, options?: TransactionOptions) => {
        const result = await storage.transaction(work, { ...options, flush: false });
        if (bug === 'never-flushes') return result;
        await delay(lateMs);
        await flush();
        return result;
      };
      return { ...storage, transaction, execute: (sql, params) => transaction((tx) => tx.execute(sql, params)) };
    },
  };
}

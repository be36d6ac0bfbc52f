import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from '../../../mesh/app/service/service.ts';
import type { Storage, Transaction, TransactionOptions } from '../../../mesh/storage/storage.ts';
import { changeStatementsOf } from '../../../mesh/testing/change-statements.ts';

/** The environment variable of `planted-main.ts`: a bug, the service that has it, and how late it flushes: `flushes-late order 40`. */
export const plantedBugVariable = 'PLANTED_BUG';

/**
 * A bug of a service's database. `never-flushes`: a commit is answered without waiting for the disk. `flushes-late`: it waits
 * before it answers, but everybody else sees and uses the commit at once. `flushes-steps-late`: the same, but only for commits
 * that update an order or a saga.
 */
export type PlantedBug = 'never-flushes' | 'flushes-late' | 'flushes-steps-late';

const migration = { name: '0001-init', sql: 'CREATE TABLE planted_bug (flushes BIGINT)' };
const step = /^\s*UPDATE (orders|saga)\b/;

/** Plants a bug into a service's runtime. */
export function plantBug(bug: PlantedBug, lateMs: number, runtime: Runtime): Runtime {
  return {
    ...runtime,
    async openStorage(...args) {
      const storage = await runtime.openStorage(...args);
      await storage.migrate('planted-bug', [migration]);
      const flush = () => storage.execute('INSERT INTO planted_bug (flushes) VALUES (1)');
      const transaction: Storage['transaction'] = async (work, options?: TransactionOptions) => {
        let watched = watch(bug);
        const result = await storage.transaction(
          (tx) => {
            // Work may run again.
            watched = watch(bug);
            return work(watched.of(tx));
          },
          { ...options, flush: false },
        );
        const { isEarly, actions } = watched;
        if (!isEarly()) await flush();
        for (const action of actions) action();
        if (!isEarly() || bug === 'never-flushes') return result;
        await delay(lateMs);
        await flush();
        return result;
      };
      return { ...storage, transaction, execute: (sql, params) => transaction((tx) => tx.execute(sql, params)) };
    },
  };
}

/** Watches what a transaction does, and keeps its actions until the bug or the disk allows them. */
function watch(bug: PlantedBug) {
  const actions: (() => void)[] = [];
  let isStep = false;
  return {
    actions,
    isEarly: () => isStep || bug !== 'flushes-steps-late',
    of: (tx: Transaction): Transaction => ({
      ...changeStatementsOf(tx, (sql) => {
        isStep ||= step.test(sql);
        return sql;
      }),
      afterCommit: (action) => void actions.push(action),
    }),
  };
}

import type { Queryable, SqlValue, Storage, Transaction } from '../storage/storage.ts';

/** Returns the statement to run instead of this one. If it throws, none is run. */
export type ChangeStatement = (sql: string, params: readonly SqlValue[]) => string;

/** Returns a storage that passes each statement of its users through `change`, however they run it. */
export function changeStatements(storage: Storage, change: ChangeStatement): Storage {
  return {
    ...storage,
    ...changeQueries(storage, change),
    transaction: (work, options) => storage.transaction((tx) => work(changeStatementsOf(tx, change)), options),
  };
}

/** Returns a transaction that passes each of its statements through `change`. */
export function changeStatementsOf(tx: Transaction, change: ChangeStatement): Transaction {
  const { insert } = tx;
  // Not spread: a further way to run a statement must be changed here before it compiles.
  const changed: Required<Omit<Transaction, 'insert'>> = {
    dialect: tx.dialect,
    ...changeQueries(tx, change),
    defer: (sql, params = []) => tx.defer(change(sql, params), params),
    afterCommit: (action) => tx.afterCommit(action),
  };
  if (insert === undefined) return changed;
  return { ...changed, insert: async (sql, params) => await insert(change(sql, params), params) };
}

function changeQueries(db: Queryable, change: ChangeStatement): Queryable {
  return {
    query: async (sql, params = []) => await db.query(change(sql, params), params),
    execute: async (sql, params = []) => await db.execute(change(sql, params), params),
  };
}

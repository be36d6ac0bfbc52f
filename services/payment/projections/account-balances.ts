import { type AggregateEvent, type Money, paddedList, type Queryable, type Row, tableProjection } from '#mesh';
import { type AccountChange, isOutside } from '../domain/account.ts';
import { postingsOf } from '../domain/postings.ts';
import { accountDefinition } from '../streams/account-stream.ts';

/** The balance of an account in the ledger, which includes accounts outside the users' accounts. */
export interface LedgerBalance {
  readonly accountId: string;
  readonly balance: Money;
  /** 0 for accounts outside. */
  readonly version: bigint;
  readonly updateTimeMs: number;
}

interface BalanceRow extends Row {
  readonly account_id: string;
  readonly currency_code: string;
  readonly balance: string;
  readonly version: bigint;
  readonly update_time: bigint;
}

/** Sums both sides of every movement by account: after every event they sum to zero per currency. */
export const accountBalances = tableProjection({
  name: 'account-balances',
  version: 1,
  of: accountDefinition,
  table: 'account_balances',
  key: ['account_id'],
  values: ['currency_code', 'balance', 'version', 'update_time'],
  changesOf: balanceChanges,
  keyOf: ({ accountId }) => [accountId],
  evolve: addToBalance,
  encode: ({ accountId, balance, version, updateTimeMs }: LedgerBalance): BalanceRow => ({
    account_id: accountId,
    currency_code: balance.currencyCode,
    balance: balance.minorUnits.toString(),
    version,
    update_time: BigInt(updateTimeMs),
  }),
  decode: (row: BalanceRow): LedgerBalance => ({
    accountId: row.account_id,
    balance: { currencyCode: row.currency_code, minorUnits: BigInt(row.balance) },
    version: row.version,
    updateTimeMs: Number(row.update_time),
  }),
});

/** Returns a page of balances after an account's id, in id order. An empty currency selects all. */
export function pageOfBalances(
  db: Queryable,
  afterId: string,
  currencyCode: string,
  size: number,
): Promise<LedgerBalance[]> {
  if (currencyCode === '')
    return accountBalances.select(db, 'WHERE account_id > $1 ORDER BY account_id LIMIT $2', [afterId, size]);
  return accountBalances.select(db, 'WHERE currency_code = $1 AND account_id > $2 ORDER BY account_id LIMIT $3', [
    currencyCode,
    afterId,
    size,
  ]);
}

/** Returns a page of all balances as `pageOfBalances` does, with the position that it includes. */
export function pageOfLedger(db: Queryable, afterId: string, size: number) {
  return accountBalances.selectAt(db, 'WHERE account_id > $1 ORDER BY account_id LIMIT $2', [afterId, size]);
}

/** Returns those of these accounts that have a balance and are not after an id, in the order of `pageOfLedger`. */
export async function accountsUpTo(
  db: Queryable,
  accountIds: readonly string[],
  lastId: string,
): Promise<ReadonlySet<string>> {
  const { placeholders, params } = paddedList(accountIds);
  const rest = `WHERE account_id IN (${placeholders}) AND account_id <= $${params.length + 1}`;
  const found = await accountBalances.select(db, rest, [...params, lastId]);
  return new Set(found.map(({ accountId }) => accountId));
}

/** Returns what an event adds to balances. An opening adds zero to one. */
function balanceChanges({ id, body, event: { version, timeMs } }: AggregateEvent<AccountChange>): LedgerBalance[] {
  if (body.type === 'ACCOUNT_OPENED') {
    const balance = { currencyCode: body.currencyCode, minorUnits: 0n };
    return [{ accountId: id, balance, version, updateTimeMs: timeMs }];
  }
  return postingsOf(id, body).map(({ accountId, ...balance }) => ({
    accountId,
    balance,
    version: isOutside(accountId) ? 0n : version,
    updateTimeMs: timeMs,
  }));
}

function addToBalance(before: LedgerBalance | undefined, change: LedgerBalance): LedgerBalance {
  const { currencyCode, minorUnits } = change.balance;
  return {
    ...change,
    balance: { currencyCode, minorUnits: (before?.balance.minorUnits ?? 0n) + minorUnits },
    // An event that was parked for a while arrives late.
    updateTimeMs: Math.max(change.updateTimeMs, before?.updateTimeMs ?? 0),
  };
}

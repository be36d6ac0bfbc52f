import type { Money } from '#mesh';
import {
  liveGeneration,
  type Projection,
  type ProjectionTable,
  type Queryable,
  type Row,
  readRows,
  type SqlValue,
  writeRows,
} from '#mesh';
import { isOutside } from '../domain/ledger.ts';
import { postingsOf } from '../domain/postings.ts';
import { accountEventTypes, accountIdOf, isOfAccount } from '../streams/account-stream.ts';

/** One account in the ledger, also one outside of the users' accounts. */
export interface LedgerBalance {
  readonly accountId: string;
  readonly balance: Money;
  /** 0 outside of the users' accounts. */
  readonly version: bigint;
  readonly updateTimeMs: number;
}

const balances: ProjectionTable = {
  table: 'account_balances',
  key: ['account_id'],
  values: ['currency_code', 'balance', 'version', 'update_time'],
};

/** Both sides of every movement, added up by account: over a currency they sum to zero after every event. */
export const accountBalances: Projection = {
  name: 'account-balances',
  version: 1,
  tables: [balances],
  async apply(tx, generation, events) {
    const before = new Map<string, LedgerBalance>();
    const changed = new Map<string, LedgerBalance>();
    const changes = events.filter(isOfAccount).map((event) => ({
      event,
      id: accountIdOf(event),
      change: accountEventTypes.decode(event),
    }));
    const postings = changes.flatMap(({ id, change }) => postingsOf(id, change));
    const ids = new Set([...changes.map(({ id }) => id), ...postings.map(({ accountId }) => accountId)]);
    for (const row of await readRows<BalanceRow>(tx, balances, generation, [...ids])) {
      before.set(row.account_id, balanceOf(row));
    }
    const add = (accountId: string, { currencyCode, minorUnits }: Money, version: bigint, updateTimeMs: number) => {
      const known = changed.get(accountId) ?? before.get(accountId);
      const balance = { currencyCode, minorUnits: (known?.balance.minorUnits ?? 0n) + minorUnits };
      // An event that was put aside for a while comes late.
      const latestMs = Math.max(updateTimeMs, known?.updateTimeMs ?? 0);
      changed.set(accountId, { accountId, balance, version, updateTimeMs: latestMs });
    };
    for (const { event, id, change } of changes) {
      if (change.type === 'ACCOUNT_OPENED') {
        add(id, { currencyCode: change.currencyCode, minorUnits: 0n }, event.version, event.timeMs);
      }
      for (const { accountId, ...amount } of postingsOf(id, change)) {
        add(accountId, amount, isOutside(accountId) ? 0n : event.version, event.timeMs);
      }
    }
    await writeRows(tx, balances, generation, [...changed.values()].map(rowOf));
  },
};

/** A page of balances after an account's id, in id order; of one currency, unless that is empty. */
export async function pageOfBalances(
  db: Queryable,
  afterId: string,
  currencyCode: string,
  size: number,
): Promise<LedgerBalance[]> {
  const rows = await db.query<BalanceRow>(
    `SELECT * FROM account_balances WHERE generation = ${liveGeneration(accountBalances.name)} AND account_id > $1
       AND ($2 = '' OR currency_code = $2) ORDER BY account_id LIMIT $3`,
    [afterId, currencyCode, size],
  );
  return rows.map(balanceOf);
}

interface BalanceRow extends Row {
  readonly account_id: string;
  readonly currency_code: string;
  readonly balance: string;
  readonly version: bigint;
  readonly update_time: bigint;
}

function rowOf({ accountId, balance, version, updateTimeMs }: LedgerBalance): SqlValue[] {
  return [accountId, balance.currencyCode, balance.minorUnits.toString(), version, updateTimeMs];
}

function balanceOf(row: BalanceRow): LedgerBalance {
  return {
    accountId: row.account_id,
    balance: { currencyCode: row.currency_code, minorUnits: BigInt(row.balance) },
    version: row.version,
    updateTimeMs: Number(row.update_time),
  };
}

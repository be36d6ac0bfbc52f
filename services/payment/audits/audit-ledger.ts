import { type AuditCheck, type Finding, lockLive, type Storage, type Transaction } from '#mesh';
import { isOutside } from '../domain/account.ts';
import { balanceBelowZero, ledgerNotZero } from '../errors.ts';
import { accountBalances } from '../projections/account-balances.ts';

/** Checks that the balances of each currency, including those outside the users' accounts, sum to zero, and that no user's balance is negative. */
export function auditLedger(storage: Storage): AuditCheck {
  return {
    name: 'payment/ledger',
    async *run(progress) {
      // Locked, so both queries see the same events.
      const { sums, negative } = await storage.transaction(async (tx) => {
        await lockLive(tx, accountBalances.name);
        return { sums: await sumsOf(tx), negative: await negativeOf(tx) };
      });
      for (const { currencyCode, sum, accountIds, count } of sums) {
        progress.examined(count);
        if (sum !== 0n) yield notZero(currencyCode, sum, accountIds);
      }
      for (const accountId of negative) yield belowZero(accountId);
    },
  };
}

interface CurrencySum {
  readonly currencyCode: string;
  readonly sum: bigint;
  /** The accounts outside the users' accounts. */
  readonly accountIds: readonly string[];
  readonly count: number;
}

// Users' balances fit into 64 bits, but their sum may not: it is computed in two parts.
const part = 1_000_000_000n;

async function sumsOf(tx: Transaction): Promise<CurrencySum[]> {
  const users = await tx.query<{ currency_code: string; count: bigint; high: bigint; low: bigint }>(
    `SELECT currency_code, COUNT(*) AS count, SUM(CAST(balance AS BIGINT) / ${part}) AS high,
       SUM(CAST(balance AS BIGINT) % ${part}) AS low
     FROM account_balances_live WHERE account_id NOT LIKE '@%' GROUP BY currency_code`,
  );
  const outside = await tx.query<{ currency_code: string; account_id: string; balance: string }>(
    `SELECT currency_code, account_id, balance FROM account_balances_live WHERE account_id LIKE '@%'`,
  );
  const currencies = new Set([...users, ...outside].map((row) => row.currency_code));
  return [...currencies].toSorted().map((currencyCode) => {
    const ofUsers = users.find((row) => row.currency_code === currencyCode);
    const ofOutside = outside.filter((row) => row.currency_code === currencyCode && isOutside(row.account_id));
    const userSum = ofUsers ? ofUsers.high * part + ofUsers.low : 0n;
    return {
      currencyCode,
      sum: ofOutside.reduce((sum, { balance }) => sum + BigInt(balance), userSum),
      accountIds: ofOutside.map((row) => row.account_id),
      count: Number(ofUsers?.count ?? 0n) + ofOutside.length,
    };
  });
}

async function negativeOf(tx: Transaction): Promise<string[]> {
  const rows = await tx.query<{ account_id: string }>(
    `SELECT account_id FROM account_balances_live WHERE account_id NOT LIKE '@%' AND balance LIKE '-%' LIMIT 100`,
  );
  return rows.map((row) => row.account_id);
}

function notZero(currencyCode: string, sum: bigint, accountIds: readonly string[]): Finding {
  return {
    reason: ledgerNotZero.reason,
    ids: [currencyCode, ...accountIds],
    message: `the balances of all accounts in ${currencyCode} sum to ${sum} minor units, not to zero: the check payment/account-balances reports the rows that do not match the events`,
  };
}

function belowZero(accountId: string): Finding {
  return {
    reason: balanceBelowZero.reason,
    ids: [accountId],
    message: `account ${accountId} has a negative balance in the ledger: compare it with its events`,
  };
}

import { type Queryable, type Row, tableProjection } from '#mesh';
import { addToStatement, monthOf, type Statement } from '../domain/statement.ts';
import { accountDefinition } from '../streams/account-stream.ts';

interface StatementRow extends Row {
  readonly account_id: string;
  readonly month: string;
  readonly currency_code: string;
  readonly opening_balance: string;
  readonly deposited: string;
  readonly withdrawn: string;
  readonly closing_balance: string;
  readonly event_count: bigint;
  readonly last_version: bigint;
}

/** Sums the movements of each account by month. */
export const monthlyStatements = tableProjection({
  name: 'monthly-statements',
  version: 1,
  of: accountDefinition,
  table: 'account_statements',
  key: ['account_id', 'month'],
  values: [
    'currency_code',
    'opening_balance',
    'deposited',
    'withdrawn',
    'closing_balance',
    'event_count',
    'last_version',
  ],
  keyOf: ({ id, event }) => [id, monthOf(event.timeMs)],
  evolve: (statement: Statement | undefined, { id, body, event }) =>
    addToStatement(statement, id, monthOf(event.timeMs), body, event.version),
  encode: (statement: Statement): StatementRow => ({
    account_id: statement.accountId,
    month: statement.month,
    currency_code: statement.currencyCode,
    opening_balance: statement.openingBalance.toString(),
    deposited: statement.deposited.toString(),
    withdrawn: statement.withdrawn.toString(),
    closing_balance: statement.closingBalance.toString(),
    event_count: statement.eventCount,
    last_version: statement.lastVersion,
  }),
  decode: (row: StatementRow): Statement => ({
    accountId: row.account_id,
    month: row.month,
    currencyCode: row.currency_code,
    openingBalance: BigInt(row.opening_balance),
    deposited: BigInt(row.deposited),
    withdrawn: BigInt(row.withdrawn),
    closingBalance: BigInt(row.closing_balance),
    eventCount: row.event_count,
    lastVersion: row.last_version,
  }),
});

/** Returns the last statement of an account up to a month, if there is one. */
export async function lastStatementUpTo(
  db: Queryable,
  accountId: string,
  month: string,
): Promise<Statement | undefined> {
  const upTo = 'WHERE account_id = $1 AND month <= $2 ORDER BY month DESC LIMIT 1';
  const [statement] = await monthlyStatements.select(db, upTo, [accountId, month]);
  return statement;
}

/** Returns a page of an account's statements after a month, in the order of months. */
export function pageOfStatements(
  db: Queryable,
  accountId: string,
  afterMonth: string,
  size: number,
): Promise<Statement[]> {
  const page = 'WHERE account_id = $1 AND month > $2 ORDER BY month LIMIT $3';
  return monthlyStatements.select(db, page, [accountId, afterMonth, size]);
}

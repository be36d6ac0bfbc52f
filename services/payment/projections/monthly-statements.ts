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
import { addToStatement, monthOf, type Statement } from '../domain/statement.ts';
import { accountEventTypes, accountIdOf, isOfAccount } from '../streams/account-stream.ts';

const statements: ProjectionTable = {
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
};

/** What each month did to each account. */
export const monthlyStatements: Projection = {
  name: 'monthly-statements',
  version: 1,
  tables: [statements],
  async apply(tx, generation, events) {
    const changes = events.filter(isOfAccount);
    const known = new Map<string, Statement>();
    const changed = new Map<string, Statement>();
    const keyOf = (accountId: string, month: string): string => `${accountId} ${month}`;
    const months = new Set(changes.map(({ timeMs }) => monthOf(timeMs)));
    const ids = [...new Set(changes.map(accountIdOf))];
    for (const month of months) {
      for (const row of await readRows<StatementRow>(tx, statements, generation, ids, { month })) {
        known.set(keyOf(row.account_id, month), statementOf(row));
      }
    }
    for (const event of changes) {
      const [accountId, month] = [accountIdOf(event), monthOf(event.timeMs)];
      const key = keyOf(accountId, month);
      const before = changed.get(key) ?? known.get(key);
      changed.set(key, addToStatement(before, accountId, month, accountEventTypes.decode(event), event.version));
    }
    await writeRows(tx, statements, generation, [...changed.values()].map(rowOf));
  },
};

const ofLive = `generation = ${liveGeneration(monthlyStatements.name)}`;

/** The last statement of an account up to a month, if there is one. */
export async function lastStatementUpTo(
  db: Queryable,
  accountId: string,
  month: string,
): Promise<Statement | undefined> {
  const [row] = await db.query<StatementRow>(
    `SELECT * FROM account_statements WHERE ${ofLive} AND account_id = $1 AND month <= $2 ORDER BY month DESC LIMIT 1`,
    [accountId, month],
  );
  return row && statementOf(row);
}

/** A page of an account's statements after a month, in the order of months. */
export async function pageOfStatements(
  db: Queryable,
  accountId: string,
  afterMonth: string,
  size: number,
): Promise<Statement[]> {
  const rows = await db.query<StatementRow>(
    `SELECT * FROM account_statements WHERE ${ofLive} AND account_id = $1 AND month > $2 ORDER BY month LIMIT $3`,
    [accountId, afterMonth, size],
  );
  return rows.map(statementOf);
}

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

function rowOf(statement: Statement): SqlValue[] {
  const { accountId, month, currencyCode, openingBalance, deposited, withdrawn, closingBalance } = statement;
  const amounts = [openingBalance, deposited, withdrawn, closingBalance].map(String);
  return [accountId, month, currencyCode, ...amounts, statement.eventCount, statement.lastVersion];
}

function statementOf(row: StatementRow): Statement {
  return {
    accountId: row.account_id,
    month: row.month,
    currencyCode: row.currency_code,
    openingBalance: BigInt(row.opening_balance),
    deposited: BigInt(row.deposited),
    withdrawn: BigInt(row.withdrawn),
    closingBalance: BigInt(row.closing_balance),
    eventCount: row.event_count,
    lastVersion: row.last_version,
  };
}

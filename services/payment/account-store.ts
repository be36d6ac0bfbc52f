import type { Queryable, Row, Transaction } from '../../mesh/storage/storage.ts';
import { type Account, type AccountEvent, type AccountEventType, greatestBalance, type Money } from './account.ts';

/** Adds an account; false when its id is taken. */
export async function insertAccount(tx: Transaction, account: Account): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO accounts (id, currency_code, balance, version, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [
      account.id,
      account.balance.currencyCode,
      account.balance.minorUnits,
      account.version,
      account.createTimeMs,
      account.updateTimeMs,
    ],
  );
  return inserted === 1;
}

/** The account with this id, if there is one. */
export async function findAccount(db: Queryable, id: string): Promise<Account | undefined> {
  const [row] = await db.query<AccountRow>('SELECT * FROM accounts WHERE id = $1', [id]);
  return row && accountOf(row);
}

/**
 * Adds `delta` to a balance, never below zero nor beyond int64, and gives the account its next version, at `timeMs` or,
 * where a clock went back, at the time of the version before. `undefined` when there is no such account, it holds another
 * currency, or the balance does not allow it. One statement: no other movement can come in between.
 */
export async function moveBalance(
  tx: Transaction,
  id: string,
  delta: Money,
  timeMs: number,
): Promise<Account | undefined> {
  const [row] = await tx.query<AccountRow>(
    `UPDATE accounts SET balance = balance + $2, version = version + 1,
       update_time = CASE WHEN update_time > $3 THEN update_time ELSE $3 END
     WHERE id = $1 AND currency_code = $4 AND balance >= $5 AND balance <= $6 RETURNING *`,
    [id, delta.minorUnits, timeMs, delta.currencyCode, leastBefore(delta), greatestBefore(delta)],
  );
  return row && accountOf(row);
}

/** Keeps what happened to an account. */
export async function insertAccountEvent(tx: Transaction, event: AccountEvent): Promise<void> {
  await tx.execute(
    `INSERT INTO account_events (account_id, version, type, amount, previous_balance, new_balance, currency_code, reference, correlation_id, event_time)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      event.accountId,
      event.version,
      event.type,
      event.amount.minorUnits,
      event.previousBalance.minorUnits,
      event.newBalance.minorUnits,
      event.newBalance.currencyCode,
      event.reference,
      event.correlationId,
      event.timeMs,
    ],
  );
}

/** The event that made a version. */
export async function findEventOfVersion(
  db: Queryable,
  accountId: string,
  version: bigint,
): Promise<AccountEvent | undefined> {
  const [row] = await db.query<EventRow>('SELECT * FROM account_events WHERE account_id = $1 AND version = $2', [
    accountId,
    version,
  ]);
  return row && eventOf(row);
}

/** The last event at or before a time; an account's times never go back. */
export async function findEventAtTime(
  db: Queryable,
  accountId: string,
  timeMs: number,
): Promise<AccountEvent | undefined> {
  const [row] = await db.query<EventRow>(
    'SELECT * FROM account_events WHERE account_id = $1 AND event_time <= $2 ORDER BY event_time DESC, version DESC LIMIT 1',
    [accountId, timeMs],
  );
  return row && eventOf(row);
}

/** A page of an account's events after a version, in order. */
export async function pageOfEvents(
  db: Queryable,
  accountId: string,
  afterVersion: bigint,
  size: number,
): Promise<AccountEvent[]> {
  const rows = await db.query<EventRow>(
    'SELECT * FROM account_events WHERE account_id = $1 AND version > $2 ORDER BY version LIMIT $3',
    [accountId, afterVersion, size],
  );
  return rows.map(eventOf);
}

function leastBefore(delta: Money): bigint {
  return delta.minorUnits < 0n ? -delta.minorUnits : 0n;
}

function greatestBefore(delta: Money): bigint {
  return delta.minorUnits > 0n ? greatestBalance - delta.minorUnits : greatestBalance;
}

interface AccountRow extends Row {
  readonly id: string;
  readonly currency_code: string;
  readonly balance: bigint;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

function accountOf(row: AccountRow): Account {
  return {
    id: row.id,
    balance: { currencyCode: row.currency_code, minorUnits: row.balance },
    version: row.version,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}

interface EventRow extends Row {
  readonly account_id: string;
  readonly version: bigint;
  readonly type: AccountEventType;
  readonly amount: bigint;
  readonly previous_balance: bigint;
  readonly new_balance: bigint;
  readonly currency_code: string;
  readonly reference: string;
  readonly correlation_id: string;
  readonly event_time: bigint;
}

function eventOf(row: EventRow): AccountEvent {
  const money = (minorUnits: bigint): Money => ({ currencyCode: row.currency_code, minorUnits });
  return {
    accountId: row.account_id,
    version: row.version,
    type: row.type,
    amount: money(row.amount),
    previousBalance: money(row.previous_balance),
    newBalance: money(row.new_balance),
    reference: row.reference,
    correlationId: row.correlation_id,
    timeMs: Number(row.event_time),
  };
}

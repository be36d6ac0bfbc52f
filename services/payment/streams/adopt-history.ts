import {
  type EventStore,
  type Logger,
  moneyToJson,
  type Row,
  type Storage,
  type StreamEvent,
  streamConflict,
  type Transaction,
} from '#mesh';
import { historyConflict } from '../errors.ts';
import type { Accounts } from './account-stream.ts';
import type { Payments } from './payment-stream.ts';

export interface AdoptionOptions {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly accounts: Accounts;
  readonly payments: Payments;
  readonly logger: Logger;
}

/**
 * Moves accounts and payments from the tables of an earlier version into streams: each account's events in the first
 * schema version of their types, and each payment. Each moves in one transaction, so a process that is killed resumes at
 * the next start. Returns how many it moved.
 */
export async function adoptHistory(options: AdoptionOptions): Promise<number> {
  const { storage, logger } = options;
  let moved = 0;
  const moveAll = async (
    ids: () => Promise<readonly string[]>,
    move: (tx: Transaction, id: string) => Promise<void>,
  ) => {
    for (let page = await ids(); page.length > 0; page = await ids()) {
      for (const id of page) {
        try {
          await storage.transaction((tx) => move(tx, id));
        } catch (error) {
          // This version has already appended events to the stream.
          throw streamConflict.is(error) ? historyConflict({ id }) : error;
        }
        moved += 1;
      }
    }
  };
  await moveAll(
    () => idsOf(storage, 'SELECT id FROM accounts ORDER BY id LIMIT 100'),
    (tx, id) => moveAccount(tx, options, id),
  );
  await moveAll(
    () => idsOf(storage, 'SELECT order_id AS id FROM payments ORDER BY order_id LIMIT 100'),
    (tx, id) => movePayment(tx, options, id),
  );
  if (moved > 0) logger.info({ moved }, 'moved accounts and payments of an earlier version into events');
  return moved;
}

async function idsOf(storage: Storage, sql: string): Promise<string[]> {
  return (await storage.query<{ id: string }>(sql)).map(({ id }) => id);
}

async function moveAccount(tx: Transaction, { store, accounts }: AdoptionOptions, id: string): Promise<void> {
  // First, so a second process waits here and then finds that the row is gone.
  if ((await tx.execute('DELETE FROM accounts WHERE id = $1', [id])) === 0) return;
  const rows = await tx.query<AccountEventRow>('SELECT * FROM account_events WHERE account_id = $1 ORDER BY version', [
    id,
  ]);
  if (rows.length > 0) {
    await store.appendIn(tx, accounts.streamOf(id), 0n, rows.map(accountEventOf));
    await accounts.saveSnapshot(tx, id);
  }
  await tx.execute('DELETE FROM account_events WHERE account_id = $1', [id]);
}

async function movePayment(tx: Transaction, { store, payments }: AdoptionOptions, orderId: string): Promise<void> {
  const [row] = await tx.query<PaymentRow>('DELETE FROM payments WHERE order_id = $1 RETURNING *', [orderId]);
  if (row) await store.appendIn(tx, payments.streamOf(orderId), 0n, paymentEventsOf(row));
}

interface AccountEventRow extends Row {
  readonly type: string;
  readonly amount: bigint;
  readonly previous_balance: bigint;
  readonly new_balance: bigint;
  readonly currency_code: string;
  readonly reference: string;
  readonly correlation_id: string;
  readonly event_time: bigint;
}

function accountEventOf(row: AccountEventRow): StreamEvent {
  const money = (minorUnits: bigint) => moneyToJson({ currencyCode: row.currency_code, minorUnits });
  const movement = {
    amount: money(row.amount),
    previousBalance: money(row.previous_balance),
    newBalance: money(row.new_balance),
    reference: row.reference,
  };
  return {
    type: row.type,
    schemaVersion: 1,
    data: row.type === 'ACCOUNT_OPENED' ? { currency: row.currency_code } : movement,
    correlationId: row.correlation_id,
    timeMs: Number(row.event_time),
  };
}

interface PaymentRow extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly currency_code: string;
  readonly amount: bigint;
  readonly state: string;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

function paymentEventsOf(row: PaymentRow): StreamEvent[] {
  const { id, currency_code: currencyCode, amount: minorUnits } = row;
  const common = { schemaVersion: 1, correlationId: '' };
  const amount = moneyToJson({ currencyCode, minorUnits });
  const chargedData = { id, userId: row.user_id, amount };
  const charged = { ...common, type: 'PAYMENT_CHARGED', data: chargedData, timeMs: Number(row.create_time) };
  const refunded = { ...common, type: 'PAYMENT_REFUNDED', data: { id }, timeMs: Number(row.update_time) };
  return [...(currencyCode === '' ? [] : [charged]), ...(row.state === 'REFUNDED' ? [refunded] : [])];
}

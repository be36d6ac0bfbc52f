import { join } from 'node:path';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import { newRecord } from '../../mesh/saga/decide/record.ts';
import { insertSaga, type StoredSaga } from '../../mesh/saga/store/saga-table.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { SqlValue, Storage } from '../../mesh/storage/storage.ts';
import { newOrder, type Order } from '../../services/order/order.ts';
import { placedOrder } from '../../services/order/place-order.saga.ts';
import { insertOrder } from '../../services/order/store.ts';
import { accountEventTypes } from '../../services/payment/streams/account-stream.ts';
import { emailKey } from '../../services/user/user.ts';
import { openLedger } from './event-store/ledger.ts';
import { userOf } from './user-of.ts';

export interface History {
  readonly users: number;
  readonly orders: number;
  /** Accounts in the payment service, with their opening as their only event. */
  readonly accounts: number;
}

const rowsPerInsert = 500;
const insertsPerCommit = 20;
const ordersPerCommit = 1_000;
const accountsPerCommit = 1_000;
const ordersPerUser = 20;
const steps = ['reserve-stock', 'charge', 'create-shipment', 'commit-stock'].map((name) => ({ name }));
const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode: 'DE' };

/** Writes users, accounts, and completed orders with their sagas into the databases of a stopped mesh. */
export async function fillHistory(dataDir: string, { users, orders, accounts }: History): Promise<void> {
  await withDatabase(dataDir, 'user', (storage) => addUsers(storage, users));
  await withDatabase(dataDir, 'order', (storage) => addOrders(storage, orders));
  await addAccounts(dataDir, accounts);
}

async function withDatabase(
  dataDir: string,
  service: string,
  fill: (storage: Storage) => Promise<void>,
): Promise<void> {
  const storage = await openStorage(`sqlite:${join(dataDir, `${service}.db`)}`, { exclusive: true });
  try {
    await fill(storage);
  } finally {
    await storage.close();
  }
}

async function addUsers(storage: Storage, count: number): Promise<void> {
  const nowMs = Date.now();
  const rowsPerCommit = rowsPerInsert * insertsPerCommit;
  for (let start = 0; start < count; start += rowsPerCommit) {
    await storage.transaction(async (tx) => {
      for (let first = start; first < Math.min(count, start + rowsPerCommit); first += rowsPerInsert) {
        const added = Array.from({ length: Math.min(rowsPerInsert, count - first) }, (_, index) =>
          userOf(first + index),
        );
        const rows = added.map(({ id, name, email, role }) => [id, name, email, role, 1, nowMs, nowMs]);
        await tx.execute(`INSERT INTO users VALUES ${placeholders(rows)}`, rows.flat());
        const emails = added.map(({ id, email }) => [emailKey(email), id]);
        await tx.execute(`INSERT INTO user_emails (email_key, user_id) VALUES ${placeholders(emails)}`, emails.flat());
      }
    });
  }
}

async function addOrders(storage: Storage, count: number): Promise<void> {
  const firstMs = Date.now() - count;
  for (let start = 0; start < count; start += ordersPerCommit) {
    await storage.transaction(async (tx) => {
      for (let index = start; index < Math.min(count, start + ordersPerCommit); index += 1) {
        const order = completedOrder(index, firstMs + index);
        await insertOrder(tx, order);
        await insertSaga(tx, finishedSaga(order), { leaseOwner: null, dueTimeMs: undefined });
      }
    });
  }
  // As if they had finished a moment ago.
  await storage.execute('UPDATE saga SET finished_aged_ms = $1', [Date.now()]);
}

async function addAccounts(dataDir: string, count: number): Promise<void> {
  await using ledger = await openLedger(`sqlite:${join(dataDir, 'payment.db')}`);
  const opening = accountEventTypes.encode({ type: 'ACCOUNT_OPENED', currencyCode: 'EUR' });
  const event = { ...opening, correlationId: 'bench', timeMs: Date.now() };
  for (let start = 0; start < count; start += accountsPerCommit) {
    await ledger.storage.transaction(async (tx) => {
      for (let index = start; index < Math.min(count, start + accountsPerCommit); index += 1) {
        await ledger.store.appendIn(tx, `account-${userOf(index).id}`, 0n, [event]);
      }
    });
  }
}

function completedOrder(index: number, timeMs: number): Order {
  const unitPrice = { currencyCode: 'EUR', minorUnits: 100n };
  const lines = [
    { sku: 'item-0', quantity: 1, unitPrice },
    { sku: `item-${1 + (index % 99)}`, quantity: 2, unitPrice },
  ];
  const draft = {
    id: uuidv7(timeMs),
    userId: userOf(Math.floor(index / ordersPerUser)).id,
    lines,
    shippingAddress: address,
    timeMs,
  };
  return { ...newOrder(draft), state: 'COMPLETED', version: 5n };
}

function finishedSaga(order: Order): StoredSaga {
  const { id, createTimeMs } = order;
  const times = { startTimeMs: createTimeMs, endTimeMs: createTimeMs, attempts: 1 };
  const record = newRecord({ steps }, createTimeMs);
  return {
    id,
    name: 'place-order',
    definitionVersion: 1,
    subjectId: id,
    record: {
      ...record,
      state: 'completed',
      steps: record.steps.map((step) => ({ ...step, ...times, state: 'done' })),
    },
    data: placedOrder(order),
    notes: [],
    requestId: id,
    traceparent: '',
    revision: 9n,
    driverRevision: 9n,
    fencingToken: 1n,
    leaseOwner: null,
    createTimeMs,
    updateTimeMs: createTimeMs,
  };
}

/** `($1, $2), ($3, $4)`. */
function placeholders(rows: readonly (readonly SqlValue[])[]): string {
  let at = 0;
  return rows.map((row) => `(${row.map(() => `$${++at}`).join(', ')})`).join(', ');
}

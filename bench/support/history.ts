import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { createAggregates } from '../../mesh/event-store/aggregates/create-aggregates.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { SqlValue, Storage, Transaction } from '../../mesh/storage/storage.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';
import type { Order } from '../../services/order/order.ts';
import {
  type Account,
  type AccountChange,
  evolveAccount,
  type MovementRequest,
  moveMoney,
  openAccount,
} from '../../services/payment/domain/account.ts';
import { chargePayment } from '../../services/payment/domain/payment.ts';
import { paymentDefinition } from '../../services/payment/streams/payment-stream.ts';
import { emailKey } from '../../services/user/user.ts';
import { logger } from './event-service.ts';
import { type Ledger, openLedger } from './event-store/ledger.ts';
import { addCompletedOrders, addOrderedItems, completedOrder, finishSagas } from './past-orders.ts';
import { type LoadedServer, startServer } from './server.ts';
import { userOf } from './user-of.ts';

export interface History {
  readonly users: number;
  /** Completed orders, 20 of each of the first users. */
  readonly orders: number;
  /** Accounts of the first users, enough for all who ordered. */
  readonly accounts: number;
}

const usersPerInsert = 500;
const usersPerCommit = 10_000;
const accountsPerCommit = 500;
const ordersPerUser = 20;
const funds = { currencyCode: 'EUR', minorUnits: 1_000_000n };
// A history that a crash of the machine cuts off is written again.
const quickly = { flush: false };

/** Starts a mesh on a new folder and stops it, so every service has its database. */
export async function createDatabases(dataDir: string): Promise<void> {
  await using mesh = await startServer({ dataDir });
  await mesh.stop();
}

/** Waits until the projections include all events. */
export async function projected({ client }: LoadedServer): Promise<void> {
  for (let behind = true; behind; await delay(200)) {
    const found = await Array.fromAsync(client(ProjectionServiceContract).listProjections({}));
    behind = found.some(({ position, headPosition }) => position < headPosition);
  }
}

/**
 * Writes users, accounts and completed orders into the databases of a stopped mesh, with all that the orders left behind:
 * their sagas, reservations, charges and shipments. An audit finds nothing wrong with it.
 */
export async function fillHistory(dataDir: string, { users, orders, accounts }: History): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const urlOf = (service: string) => `sqlite:${join(dataDir, `${service}.db`)}`;
  const open = async (service: string): Promise<Storage> => {
    const storage = await openStorage(urlOf(service), { exclusive: true });
    stack.defer(() => storage.close());
    return storage;
  };
  await addUsers(await open('user'), users);
  const databases = {
    order: await open('order'),
    inventory: await open('inventory'),
    shipping: await open('shipping'),
  };
  const ledger = stack.use(await openLedger(urlOf('payment')));
  await addOrderedItems(databases);
  const firstMs = Date.now() - orders;
  for (let start = 0; start < accounts; start += accountsPerCommit) {
    const ordersOf = (user: number): Order[] => {
      const first = user * ordersPerUser;
      const count = Math.max(0, Math.min(ordersPerUser, orders - first));
      const indexes = Array.from({ length: count }, (_, index) => first + index);
      return indexes.map((index) => completedOrder(index, userOf(user).id, firstMs + index));
    };
    const count = Math.min(accountsPerCommit, accounts - start);
    const buyers = Array.from({ length: count }, (_, index) => ({
      userId: userOf(start + index).id,
      orders: ordersOf(start + index),
    }));
    await addAccounts(ledger, buyers, firstMs);
    await addCompletedOrders(
      databases,
      buyers.flatMap((buyer) => buyer.orders),
    );
  }
  await finishSagas(databases);
}

async function addUsers(storage: Storage, count: number): Promise<void> {
  const nowMs = Date.now();
  for (let start = 0; start < count; start += usersPerCommit) {
    const addSome = async (tx: Transaction) => {
      for (let first = start; first < Math.min(count, start + usersPerCommit); first += usersPerInsert) {
        const added = Array.from({ length: Math.min(usersPerInsert, count - first) }, (_, index) =>
          userOf(first + index),
        );
        const rows = added.map(({ id, name, email, role }) => [id, name, email, role, 1, nowMs, nowMs]);
        await tx.execute(`INSERT INTO users VALUES ${placeholders(rows)}`, rows.flat());
        const emails = added.map(({ id, email }) => [emailKey(email), id]);
        await tx.execute(`INSERT INTO user_emails (email_key, user_id) VALUES ${placeholders(emails)}`, emails.flat());
      }
    };
    await storage.transaction(addSome, quickly);
  }
}

interface Buyer {
  readonly userId: string;
  readonly orders: readonly Order[];
}

/** Opens accounts, fills them, and charges the orders of their users. */
async function addAccounts(
  { storage, store, accounts }: Ledger,
  buyers: readonly Buyer[],
  openedMs: number,
): Promise<void> {
  const payments = createAggregates(paymentDefinition, { storage, store, clock, logger });
  const nothing = { state: undefined, version: 0n, lastTimeMs: 0 };
  const addAll = async (tx: Transaction) => {
    for (const { userId, orders } of buyers) {
      for (const { id: orderId, paymentId, total, createTimeMs: timeMs } of orders) {
        const charged = chargePayment(undefined, { orderId, userId, amount: total, owner: '' }, paymentId);
        const cause = { correlationId: orderId, timeMs };
        await payments.append(tx, orderId, nothing, charged ? [charged] : [], cause);
      }
      const cause = { correlationId: userId, timeMs: orders.at(-1)?.createTimeMs ?? openedMs };
      await accounts.append(tx, userId, nothing, changesOf(userId, orders), cause);
    }
  };
  await storage.transaction(addAll, quickly);
}

/** Returns the changes of an account: its opening, a deposit, and the charges of its orders. */
function changesOf(accountId: string, orders: readonly Order[]): AccountChange[] {
  const changes: AccountChange[] = [openAccount(undefined, accountId, funds.currencyCode)];
  const moves: MovementRequest[] = [
    { accountId, type: 'MONEY_DEPOSITED', amount: funds, reference: '', purpose: 'transfer' },
    ...orders.map(
      ({ id, total: amount }): MovementRequest => ({
        accountId,
        type: 'MONEY_WITHDRAWN',
        amount,
        reference: `order:${id}`,
        purpose: 'order',
      }),
    ),
  ];
  const at = { version: 1n, timeMs: 0 };
  const accountAfter = (change: AccountChange, before?: Account) => evolveAccount(before, accountId, change, at);
  let account = changes.reduce<Account | undefined>((before, change) => accountAfter(change, before), undefined);
  for (const move of moves) {
    const change = moveMoney(account, move);
    changes.push(change);
    account = accountAfter(change, account);
  }
  return changes;
}

/** `($1, $2), ($3, $4)`. */
function placeholders(rows: readonly (readonly SqlValue[])[]): string {
  let at = 0;
  return rows.map((row) => `(${row.map(() => `$${++at}`).join(', ')})`).join(', ');
}

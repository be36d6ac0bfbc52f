import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { PaymentState } from '#gen/payment/v1/payment.ts';
import { openStorage, type Storage } from '#mesh';
import { describeServicesOnEachDatabase, eventually, startMesh } from '#mesh/testing';
import { paymentService } from '../service.ts';

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const beganMs = 1_780_000_000_000;

/** A database as the version before the event store left it. */
async function leaveHistory(url: string): Promise<void> {
  const storage = await openStorage(url);
  const name = '0001-init';
  const sql = await readFile(new URL(`../migrations/${name}.sql`, import.meta.url), 'utf8');
  await storage.migrate('payment', [{ name, sql }]);
  await insertAccount(storage, 'ada', [
    ['ACCOUNT_OPENED', 0n, 0n, 0n, ''],
    ['MONEY_DEPOSITED', 1_000n, 0n, 1_000n, 'salary'],
    ['MONEY_WITHDRAWN', 300n, 1_000n, 700n, 'order:o-1'],
    ['MONEY_WITHDRAWN', 200n, 700n, 500n, 'order:o-2'],
    ['MONEY_DEPOSITED', 200n, 500n, 700n, 'order:o-2'],
  ]);
  await insertAccount(storage, 'tom', [['ACCOUNT_OPENED', 0n, 0n, 0n, '']]);
  await insertPayment(storage, 'o-1', 'ada', 300n, 'CHARGED');
  await insertPayment(storage, 'o-2', 'ada', 200n, 'REFUNDED');
  await insertPayment(storage, 'o-3', '', 0n, 'REFUNDED');
  await storage.close();
}

async function insertAccount(
  storage: Storage,
  id: string,
  events: readonly (readonly [string, bigint, bigint, bigint, string])[],
) {
  const last = events.at(-1)?.[3] ?? 0n;
  await storage.execute(
    'INSERT INTO accounts (id, currency_code, balance, version, create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6)',
    [id, 'USD', last, events.length, beganMs, beganMs + events.length],
  );
  for (const [index, [type, amount, before, after, reference]] of events.entries()) {
    await storage.execute(
      `INSERT INTO account_events (account_id, version, type, amount, previous_balance, new_balance, currency_code, reference, correlation_id, event_time)
       VALUES ($1, $2, $3, $4, $5, $6, 'USD', $7, 'before', $8)`,
      [id, index + 1, type, amount, before, after, reference, beganMs + index],
    );
  }
}

async function insertPayment(storage: Storage, orderId: string, userId: string, amount: bigint, state: string) {
  await storage.execute(
    `INSERT INTO payments (order_id, id, user_id, currency_code, amount, state, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [orderId, `pay-${orderId}`, userId, userId === '' ? '' : 'USD', amount, state, beganMs, beganMs + 9],
  );
}

describeServicesOnEachDatabase('the history of an earlier version', (settings) => {
  it('is moved into events once: accounts, their past, payments and the ledger', async () => {
    const environment = settings();
    const url = environment.DATABASE_URL?.replaceAll('<service>', 'payment') ?? '';
    await leaveHistory(url);
    for (const start of ['first', 'second']) {
      const mesh = await startMesh([paymentService], environment);
      const accounts = mesh.runtime.client(AccountServiceContract);
      const payments = mesh.runtime.client(PaymentServiceContract);
      const ledger = mesh.runtime.client(LedgerServiceContract);
      await expect(accounts.getBalance({ accountId: 'ada' }), start).resolves.toEqual({
        id: 'ada',
        balance: usd(700n),
        version: 5n,
        createTime: new Date(beganMs),
        updateTime: new Date(beganMs + 4),
      });
      await expect(accounts.getBalance({ accountId: 'tom' })).resolves.toMatchObject({ balance: usd(0n), version: 1n });
      const past = accounts.getBalance({ accountId: 'ada', asOfTime: new Date(beganMs + 2) });
      await expect(past).resolves.toMatchObject({ balance: usd(700n), version: 3n });
      const events = await Array.fromAsync(accounts.listAccountEvents({ accountId: 'ada' }));
      expect(events.map(({ type, reference, correlationId }) => [type, reference, correlationId])).toEqual([
        ['ACCOUNT_OPENED', '', 'before'],
        ['MONEY_DEPOSITED', 'salary', 'before'],
        ['MONEY_WITHDRAWN', 'order:o-1', 'before'],
        ['MONEY_WITHDRAWN', 'order:o-2', 'before'],
        ['MONEY_DEPOSITED', 'order:o-2', 'before'],
      ]);
      await expect(payments.getPayment({ orderId: 'o-2' })).resolves.toEqual({
        id: 'pay-o-2',
        orderId: 'o-2',
        owner: '',
        userId: 'ada',
        amount: usd(200n),
        state: PaymentState.PAYMENT_STATE_REFUNDED,
        createTime: new Date(beganMs),
        updateTime: new Date(beganMs + 9),
      });
      const late = payments.charge({ orderId: 'o-3', userId: 'ada', amount: usd(1n) });
      await expect(late).rejects.toMatchObject({ reason: 'PAYMENT_REFUNDED' });
      await eventually(async () => {
        const balances = await Array.fromAsync(ledger.listBalances({}));
        expect(balances.map(({ accountId, balance }) => [accountId, balance?.minorUnits])).toEqual([
          ['@sales.USD', 300n],
          ['@world.USD', -1_000n],
          ['ada', 700n],
          ['tom', 0n],
        ]);
        expect(await Array.fromAsync(payments.listPayments({}))).toHaveLength(3);
      });
      await mesh.stop();
    }
    const storage = await openStorage(url);
    for (const table of ['accounts', 'account_events', 'payments']) {
      expect(await storage.query(`SELECT 1 AS one FROM ${table}`), table).toEqual([]);
    }
    await storage.close();
  });

  it('is moved once by two processes that start at the same time', async () => {
    const environment = settings();
    const url = environment.DATABASE_URL?.replaceAll('<service>', 'payment') ?? '';
    await leaveHistory(url);
    const storage = await openStorage(url);
    for (let index = 0; index < 150; index += 1) await insertPayment(storage, `many-${index}`, 'ada', 1n, 'CHARGED');
    await storage.close();
    // SQLite is one process's alone. Two processes need brokers that they share; the outbox keeps what is for these, which are away.
    const shared = { ...environment, EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' };
    const starts = url.startsWith('postgres') ? [shared, shared] : [environment];
    const meshes = await Promise.all(starts.map((settingsOfOne) => startMesh([paymentService], settingsOfOne)));
    for (const mesh of meshes) await mesh.stop();
    const after = await openStorage(url);
    const twice = await after.query("SELECT stream FROM event WHERE stream LIKE 'payment-many%' AND version > 1");
    expect(twice).toEqual([]);
    expect(await after.query("SELECT 1 AS one FROM event WHERE stream LIKE 'payment-many%'")).toHaveLength(150);
    await after.close();
  });

  it('prevents the start if this version has already opened the same account', async () => {
    const environment = settings();
    const url = environment.DATABASE_URL?.replaceAll('<service>', 'payment') ?? '';
    await leaveHistory(url);
    await (await startMesh([paymentService], environment)).stop();
    const storage = await openStorage(url);
    await insertAccount(storage, 'ada', [['ACCOUNT_OPENED', 0n, 0n, 0n, '']]);
    await storage.close();
    const starting = startMesh([paymentService], environment);
    await expect(starting).rejects.toMatchObject({ reason: 'HISTORY_CONFLICT', metadata: { id: 'ada' } });
  });
});

import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PaymentEvent } from '#gen/payment/v1/events.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { type AccountServiceDefinition, type PaymentServiceDefinition, PaymentState } from '#gen/payment/v1/payment.ts';
import { describeServicesOnEachDatabase, eventually, startMesh, type TestMesh } from '#mesh/testing';
import { paymentService } from './service.ts';

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const charged = PaymentState.PAYMENT_STATE_CHARGED;
const refunded = PaymentState.PAYMENT_STATE_REFUNDED;

describeServicesOnEachDatabase('the payment service', (settings) => {
  let mesh: TestMesh;
  let accounts: Client<AccountServiceDefinition>;
  let payments: Client<PaymentServiceDefinition>;

  beforeAll(async () => {
    mesh = await startMesh([paymentService], settings());
    accounts = mesh.runtime.client(AccountServiceContract);
    payments = mesh.runtime.client(PaymentServiceContract);
  });
  afterAll(() => mesh.stop());

  /** An account of a new user, with `minorUnits` USD on it: at version 2, or 1 when there is nothing on it. */
  async function openAccount(minorUnits = 0n): Promise<string> {
    const accountId = `user-${randomUUID()}`;
    await accounts.openAccount({ accountId, currencyCode: 'USD' });
    if (minorUnits > 0n) await accounts.deposit({ accountId, amount: usd(minorUnits) });
    return accountId;
  }

  async function balanceOf(accountId: string): Promise<bigint | undefined> {
    return (await accounts.getBalance({ accountId })).balance?.minorUnits;
  }

  /** What was published of an account, once its event of `lastVersion` has come. */
  async function eventsOf(accountId: string, lastVersion: bigint): Promise<PaymentEvent[]> {
    const found: PaymentEvent[] = [];
    const ending = new AbortController();
    for await (const event of mesh.runtime.events.read('payment.events', { at: 'beginning' }, ending.signal)) {
      if (event.key !== accountId) continue;
      const message = PaymentEvent.fromJSON(JSON.parse(Buffer.from(event.value).toString()));
      found.push(message);
      if (message.accountEvent?.version === lastVersion) ending.abort();
    }
    return found;
  }

  describe('OpenAccount', () => {
    it('opens an account with nothing on it, once an id', async () => {
      const accountId = await openAccount();
      const account = await accounts.getBalance({ accountId });
      expect(account).toMatchObject({ id: accountId, balance: usd(0n), version: 1n });
      expect(account.createTime).toEqual(account.updateTime);
      await expect(accounts.openAccount({ accountId, currencyCode: 'EUR' })).rejects.toMatchObject({
        code: Status.ALREADY_EXISTS,
        reason: 'ACCOUNT_EXISTS',
      });
    });
  });

  describe('Deposit and Withdraw', () => {
    it('move money, once a request id', async () => {
      const accountId = await openAccount(100n);
      const withdrawal = { requestId: randomUUID(), accountId, amount: usd(30n), reference: 'rent' };
      const first = await accounts.withdraw(withdrawal);
      expect(first).toMatchObject({ balance: usd(70n), version: 3n });
      await expect(accounts.withdraw(withdrawal)).resolves.toEqual(first);
      expect(await balanceOf(accountId)).toBe(70n);
    });

    it('take the last unit and no more', async () => {
      const accountId = await openAccount(100n);
      await expect(accounts.withdraw({ accountId, amount: usd(101n) })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'INSUFFICIENT_FUNDS',
        metadata: { account_id: accountId, balance: '100', needed: '101' },
      });
      await expect(accounts.withdraw({ accountId, amount: usd(100n) })).resolves.toMatchObject({ balance: usd(0n) });
    });

    it('hold up to the greatest int64 and refuse what is beyond', async () => {
      const greatest = 2n ** 63n - 1n;
      const accountId = await openAccount(greatest - 1n);
      await expect(accounts.deposit({ accountId, amount: usd(2n) })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'BALANCE_TOO_LARGE',
      });
      await expect(accounts.deposit({ accountId, amount: usd(1n) })).resolves.toMatchObject({ balance: usd(greatest) });
      await expect(accounts.withdraw({ accountId, amount: usd(greatest) })).resolves.toMatchObject({
        balance: usd(0n),
      });
    });

    it('refuse other currencies, amounts that are not positive, and unknown accounts', async () => {
      const accountId = await openAccount(5n);
      const euros = accounts.deposit({ accountId, amount: { currencyCode: 'EUR', minorUnits: 1n } });
      await expect(euros).rejects.toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'CURRENCY_MISMATCH' });
      for (const minorUnits of [0n, -1n]) {
        await expect(accounts.withdraw({ accountId, amount: usd(minorUnits) })).rejects.toMatchObject({
          code: Status.INVALID_ARGUMENT,
          violations: [{ field: 'amount.minor_units' }],
        });
      }
      const unknown = accounts.deposit({ accountId: 'nobody', amount: usd(1n) });
      await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
      expect(await balanceOf(accountId)).toBe(5n);
    });
  });

  describe('GetBalance', () => {
    it('answers as of a version, and says which was the last', async () => {
      const accountId = await openAccount(100n);
      await accounts.withdraw({ accountId, amount: usd(40n) });
      const past = await accounts.getBalance({ accountId, asOfVersion: 2n });
      expect(past).toMatchObject({ balance: usd(100n), version: 2n });
      await expect(accounts.getBalance({ accountId, asOfVersion: 4n })).rejects.toMatchObject({
        code: Status.OUT_OF_RANGE,
        metadata: { version: '3' },
      });
    });

    it('answers as of a time, up to the event of that very millisecond', async () => {
      const accountId = await openAccount(100n);
      const { createTime, updateTime = new Date(0) } = await accounts.getBalance({ accountId });
      await accounts.withdraw({ accountId, amount: usd(40n) });
      const asOfTime = new Date(updateTime.getTime());
      const then = await accounts.getBalance({ accountId, asOfTime });
      expect(then.updateTime).toEqual(updateTime);
      const longAfter = await accounts.getBalance({ accountId, asOfTime: new Date('9999-01-01') });
      expect(longAfter).toMatchObject({ balance: usd(60n), version: 3n, createTime });
      const before = accounts.getBalance({ accountId, asOfTime: new Date('2001-01-01') });
      await expect(before).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
    });

    it('refuses a version and a time at once', async () => {
      const accountId = await openAccount();
      const both = accounts.getBalance({ accountId, asOfVersion: 1n, asOfTime: new Date() });
      await expect(both).rejects.toMatchObject({ violations: [{ field: 'as_of_time' }] });
    });

    it('is ABORTED while the version that must be reached is not', async () => {
      const accountId = await openAccount();
      await expect(accounts.getBalance({ accountId, minVersion: 2n })).rejects.toMatchObject({
        code: Status.ABORTED,
        reason: 'VERSION_NOT_REACHED',
      });
      const { version } = await accounts.deposit({ accountId, amount: usd(1n) });
      await expect(accounts.getBalance({ accountId, minVersion: version })).resolves.toMatchObject({ version: 2n });
    });
  });

  describe('ListAccountEvents', () => {
    it('streams what happened, oldest first, from a version on', async () => {
      const accountId = await openAccount(100n);
      await accounts.withdraw({ accountId, amount: usd(40n), reference: 'rent' });
      const events = await Array.fromAsync(accounts.listAccountEvents({ accountId, afterVersion: 1n }));
      expect(events).toMatchObject([
        { version: 2n, type: 'MONEY_DEPOSITED', amount: usd(100n), previousBalance: usd(0n), newBalance: usd(100n) },
        { version: 3n, type: 'MONEY_WITHDRAWN', amount: usd(40n), previousBalance: usd(100n), newBalance: usd(60n) },
      ]);
      expect(events[1]).toMatchObject({ accountId, reference: 'rent', correlationId: expect.stringMatching(/./) });
    });

    it('is NOT_FOUND for an unknown account', async () => {
      const listed = Array.fromAsync(accounts.listAccountEvents({ accountId: 'nobody' }));
      await expect(listed).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
    });
  });

  describe('Charge', () => {
    it('takes the money once an order, whatever the request id', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const payment = await payments.charge({ ...order, requestId: randomUUID() });
      expect(payment).toMatchObject({ ...order, state: charged });
      await expect(payments.charge({ ...order, requestId: randomUUID() })).resolves.toEqual(payment);
      await expect(payments.getPayment(order)).resolves.toEqual(payment);
      expect(await balanceOf(userId)).toBe(40n);
    });

    it('refuses another amount or user for an order that is charged', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(10n) };
      await payments.charge(order);
      for (const other of [{ amount: usd(11n) }, { userId: await openAccount(100n) }]) {
        await expect(payments.charge({ ...order, ...other })).rejects.toMatchObject({
          code: Status.ALREADY_EXISTS,
          reason: 'PAYMENT_EXISTS',
        });
      }
      expect(await balanceOf(userId)).toBe(90n);
    });

    it('leaves nothing of a refused charge, so that it can succeed later', async () => {
      const userId = await openAccount(9n);
      const order = { requestId: randomUUID(), orderId: `order-${userId}`, userId, amount: usd(10n) };
      const short = { code: Status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_FUNDS' };
      await expect(payments.charge(order)).rejects.toMatchObject(short);
      await expect(payments.getPayment(order)).rejects.toMatchObject({ reason: 'PAYMENT_NOT_FOUND' });
      await accounts.deposit({ accountId: userId, amount: usd(1n) });
      await expect(payments.charge(order)).resolves.toMatchObject({ state: charged });
    });

    it('takes an order that costs nothing, and refuses negative amounts, other currencies and users without account', async () => {
      const userId = await openAccount();
      const order = { orderId: `order-${userId}`, userId, amount: usd(0n) };
      await expect(payments.charge({ ...order, amount: usd(-1n) })).rejects.toMatchObject({
        violations: [{ field: 'amount.minor_units' }],
      });
      const euros = payments.charge({ ...order, amount: { currencyCode: 'EUR', minorUnits: 0n } });
      await expect(euros).rejects.toMatchObject({ reason: 'CURRENCY_MISMATCH' });
      const nobody = payments.charge({ ...order, userId: 'nobody' });
      await expect(nobody).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
      await expect(payments.charge(order)).resolves.toMatchObject({ amount: usd(0n), state: charged });
    });
  });

  describe('Refund', () => {
    it('gives the money back once, and forbids another charge', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      await payments.charge(order);
      const payment = await payments.refund(order);
      expect(payment).toMatchObject({ ...order, state: refunded });
      await expect(payments.refund(order)).resolves.toEqual(payment);
      expect(await balanceOf(userId)).toBe(100n);
      await expect(payments.charge(order)).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'PAYMENT_REFUNDED',
      });
    });

    it('of an order that was never charged is OK and forbids a late charge', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const tombstone = await payments.refund(order);
      expect(tombstone).toMatchObject({ orderId: order.orderId, userId: '', state: refunded });
      expect(tombstone.amount).toBeUndefined();
      await expect(payments.charge(order)).rejects.toMatchObject({ reason: 'PAYMENT_REFUNDED' });
      expect(await balanceOf(userId)).toBe(100n);
    });

    it('leaves the account as it was, whoever comes first, when many charges and refunds of an order race', async () => {
      const userId = await openAccount(100n);
      for (let round = 0; round < 10; round++) {
        const order = { orderId: `${userId}.${round}`, userId, amount: usd(60n) };
        const calls = Array.from({ length: 4 }, () => [payments.charge(order), payments.refund(order)]).flat();
        for (const outcome of await Promise.allSettled(calls)) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'PAYMENT_REFUNDED' });
        }
        await expect(payments.getPayment(order)).resolves.toMatchObject({ state: refunded });
        expect(await balanceOf(userId)).toBe(100n);
      }
    });
  });

  describe('ListPayments', () => {
    it('streams in id order, and goes on after an id', async () => {
      const userId = await openAccount(100n);
      const made: string[] = [];
      for (const index of [1, 2, 3]) {
        made.push((await payments.charge({ orderId: `${userId}.${index}`, userId, amount: usd(1n) })).id);
      }
      const [first = ''] = made;
      await eventually(async () => {
        const listed = await Array.fromAsync(payments.listPayments({ afterId: first, limit: 2 }));
        expect(listed.map(({ id }) => id)).toEqual(made.slice(1));
      });
    });
  });

  describe('payment.events', () => {
    it('has one event for each version of an account, in order, with the payment that moved the money', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const { id } = await payments.charge(order);
      await payments.refund(order);
      const events = await eventsOf(userId, 4n);
      expect(events.map(({ type, payment }) => [type, payment?.id, payment?.state])).toEqual([
        ['ACCOUNT_OPENED', undefined, undefined],
        ['MONEY_DEPOSITED', undefined, undefined],
        ['MONEY_WITHDRAWN', id, charged],
        ['MONEY_DEPOSITED', id, refunded],
      ]);
      expect(events.map(({ accountEvent }) => accountEvent?.version)).toEqual([1n, 2n, 3n, 4n]);
      expect(events[3]?.accountEvent).toMatchObject({ reference: `order:${order.orderId}`, newBalance: usd(100n) });
    });
  });
});

import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { PaymentState } from '#gen/payment/v1/payment.ts';
import { describeServicesOnEachDatabase, eventually } from '#mesh/testing';
import { usd, usePaymentService } from './testing/use-payment-service.ts';

const charged = PaymentState.PAYMENT_STATE_CHARGED;
const refunded = PaymentState.PAYMENT_STATE_REFUNDED;

describeServicesOnEachDatabase('the payment service', (settings) => {
  const service = usePaymentService(settings);
  const { openAccount, balanceOf, eventsOf } = service;

  describe('Charge', () => {
    it('charges once per order, with any request id', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const payment = await service.payments.charge({ ...order, requestId: randomUUID() });
      expect(payment).toMatchObject({ ...order, state: charged });
      await expect(service.payments.charge({ ...order, requestId: randomUUID() })).resolves.toEqual(payment);
      await expect(service.payments.getPayment(order)).resolves.toEqual(payment);
      expect(await balanceOf(userId)).toBe(40n);
    });

    it('refuses another amount or user for an order that is charged', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(10n) };
      await service.payments.charge(order);
      for (const other of [{ amount: usd(11n) }, { userId: await openAccount(100n) }]) {
        await expect(service.payments.charge({ ...order, ...other })).rejects.toMatchObject({
          code: Status.ALREADY_EXISTS,
          reason: 'PAYMENT_EXISTS',
        });
      }
      expect(await balanceOf(userId)).toBe(90n);
    });

    it('stores nothing of a refused charge, so it can succeed later', async () => {
      const userId = await openAccount(9n);
      const order = { requestId: randomUUID(), orderId: `order-${userId}`, userId, amount: usd(10n) };
      const short = { code: Status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_FUNDS' };
      await expect(service.payments.charge(order)).rejects.toMatchObject(short);
      await expect(service.payments.getPayment(order)).rejects.toMatchObject({ reason: 'PAYMENT_NOT_FOUND' });
      await service.accounts.deposit({ accountId: userId, amount: usd(1n) });
      await expect(service.payments.charge(order)).resolves.toMatchObject({ state: charged });
    });

    it('accepts an order that costs nothing, and refuses negative amounts, other currencies and users without an account', async () => {
      const userId = await openAccount();
      const order = { orderId: `order-${userId}`, userId, amount: usd(0n) };
      await expect(service.payments.charge({ ...order, amount: usd(-1n) })).rejects.toMatchObject({
        violations: [{ field: 'amount.minor_units' }],
      });
      const euros = service.payments.charge({ ...order, amount: { currencyCode: 'EUR', minorUnits: 0n } });
      await expect(euros).rejects.toMatchObject({ reason: 'CURRENCY_MISMATCH' });
      const nobody = service.payments.charge({ ...order, userId: 'nobody' });
      await expect(nobody).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
      await expect(service.payments.charge(order)).resolves.toMatchObject({ amount: usd(0n), state: charged });
    });
  });

  describe('Refund', () => {
    it('returns the money once, and forbids another charge', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      await service.payments.charge(order);
      const payment = await service.payments.refund(order);
      expect(payment).toMatchObject({ ...order, state: refunded });
      await expect(service.payments.refund(order)).resolves.toEqual(payment);
      expect(await balanceOf(userId)).toBe(100n);
      await expect(service.payments.charge(order)).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'PAYMENT_REFUNDED',
      });
    });

    it('accepts an order that was never charged, and forbids a late charge', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const tombstone = await service.payments.refund(order);
      expect(tombstone).toMatchObject({ orderId: order.orderId, userId: '', state: refunded });
      expect(tombstone.amount).toBeUndefined();
      await expect(service.payments.charge(order)).rejects.toMatchObject({ reason: 'PAYMENT_REFUNDED' });
      expect(await balanceOf(userId)).toBe(100n);
    });

    it('restores the balance when charges and refunds of an order race', async () => {
      const userId = await openAccount(100n);
      for (let round = 0; round < 10; round++) {
        const order = { orderId: `${userId}.${round}`, userId, amount: usd(60n) };
        const calls = Array.from({ length: 4 }, () => [
          service.payments.charge(order),
          service.payments.refund(order),
        ]).flat();
        for (const outcome of await Promise.allSettled(calls)) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'PAYMENT_REFUNDED' });
        }
        await expect(service.payments.getPayment(order)).resolves.toMatchObject({ state: refunded });
        expect(await balanceOf(userId)).toBe(100n);
      }
    });
  });

  describe('ListPayments', () => {
    it('streams in id order, and resumes after an id', async () => {
      const userId = await openAccount(100n);
      const made: string[] = [];
      for (const index of [1, 2, 3]) {
        made.push((await service.payments.charge({ orderId: `${userId}.${index}`, userId, amount: usd(1n) })).id);
      }
      const [first = ''] = made;
      await eventually(async () => {
        const listed = await Array.fromAsync(service.payments.listPayments({ afterId: first, limit: 2 }));
        expect(listed.map(({ id }) => id)).toEqual(made.slice(1));
      });
    });
  });

  describe('payment.events', () => {
    it('has one event for each version of an account, in order, with the payment that moved the money', async () => {
      const userId = await openAccount(100n);
      const order = { orderId: `order-${userId}`, userId, amount: usd(60n) };
      const { id } = await service.payments.charge(order);
      await service.payments.refund(order);
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

import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { describeServicesOnEachDatabase } from '#mesh/testing';
import { usd, usePaymentService } from './testing/use-payment-service.ts';

describeServicesOnEachDatabase('the account service', (settings) => {
  const service = usePaymentService(settings);
  const { openAccount, balanceOf } = service;

  describe('OpenAccount', () => {
    it('opens an empty account, once per id', async () => {
      const accountId = await openAccount();
      const account = await service.accounts.getBalance({ accountId });
      expect(account).toMatchObject({ id: accountId, balance: usd(0n), version: 1n });
      expect(account.createTime).toEqual(account.updateTime);
      await expect(service.accounts.openAccount({ accountId, currencyCode: 'EUR' })).rejects.toMatchObject({
        code: Status.ALREADY_EXISTS,
        reason: 'ACCOUNT_EXISTS',
      });
    });
  });

  describe('Deposit and Withdraw', () => {
    it('move money once per request id', async () => {
      const accountId = await openAccount(100n);
      const withdrawal = { requestId: randomUUID(), accountId, amount: usd(30n), reference: 'rent' };
      const first = await service.accounts.withdraw(withdrawal);
      expect(first).toMatchObject({ balance: usd(70n), version: 3n });
      await expect(service.accounts.withdraw(withdrawal)).resolves.toEqual(first);
      expect(await balanceOf(accountId)).toBe(70n);
    });

    it('allow the last unit and no more', async () => {
      const accountId = await openAccount(100n);
      await expect(service.accounts.withdraw({ accountId, amount: usd(101n) })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'INSUFFICIENT_FUNDS',
        metadata: { account_id: accountId, balance: '100', needed: '101' },
      });
      await expect(service.accounts.withdraw({ accountId, amount: usd(100n) })).resolves.toMatchObject({
        balance: usd(0n),
      });
    });

    it('allow balances up to the maximum int64', async () => {
      const maximum = 2n ** 63n - 1n;
      const accountId = await openAccount(maximum - 1n);
      await expect(service.accounts.deposit({ accountId, amount: usd(2n) })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'BALANCE_TOO_LARGE',
      });
      await expect(service.accounts.deposit({ accountId, amount: usd(1n) })).resolves.toMatchObject({
        balance: usd(maximum),
      });
      await expect(service.accounts.withdraw({ accountId, amount: usd(maximum) })).resolves.toMatchObject({
        balance: usd(0n),
      });
    });

    it('refuse other currencies, amounts that are not positive, and unknown accounts', async () => {
      const accountId = await openAccount(5n);
      const euros = service.accounts.deposit({ accountId, amount: { currencyCode: 'EUR', minorUnits: 1n } });
      await expect(euros).rejects.toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'CURRENCY_MISMATCH' });
      for (const minorUnits of [0n, -1n]) {
        await expect(service.accounts.withdraw({ accountId, amount: usd(minorUnits) })).rejects.toMatchObject({
          code: Status.INVALID_ARGUMENT,
          violations: [{ field: 'amount.minor_units' }],
        });
      }
      const unknown = service.accounts.deposit({ accountId: 'nobody', amount: usd(1n) });
      await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
      expect(await balanceOf(accountId)).toBe(5n);
    });
  });

  describe('GetBalance', () => {
    it('returns a past version, and the last one in the error for a later one', async () => {
      const accountId = await openAccount(100n);
      await service.accounts.withdraw({ accountId, amount: usd(40n) });
      const past = await service.accounts.getBalance({ accountId, asOfVersion: 2n });
      expect(past).toMatchObject({ balance: usd(100n), version: 2n });
      await expect(service.accounts.getBalance({ accountId, asOfVersion: 4n })).rejects.toMatchObject({
        code: Status.OUT_OF_RANGE,
        metadata: { version: '3' },
      });
    });

    it('returns the account at a time, including events of that millisecond', async () => {
      const accountId = await openAccount(100n);
      const { createTime, updateTime = new Date(0) } = await service.accounts.getBalance({ accountId });
      await service.accounts.withdraw({ accountId, amount: usd(40n) });
      const asOfTime = new Date(updateTime.getTime());
      const then = await service.accounts.getBalance({ accountId, asOfTime });
      expect(then.updateTime).toEqual(updateTime);
      const longAfter = await service.accounts.getBalance({ accountId, asOfTime: new Date('9999-01-01') });
      expect(longAfter).toMatchObject({ balance: usd(60n), version: 3n, createTime });
      const before = service.accounts.getBalance({ accountId, asOfTime: new Date('2001-01-01') });
      await expect(before).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
    });

    it('refuses a version together with a time', async () => {
      const accountId = await openAccount();
      const both = service.accounts.getBalance({ accountId, asOfVersion: 1n, asOfTime: new Date() });
      await expect(both).rejects.toMatchObject({ violations: [{ field: 'as_of_time' }] });
    });

    it('returns ABORTED until the account reaches the minimum version', async () => {
      const accountId = await openAccount();
      await expect(service.accounts.getBalance({ accountId, minVersion: 2n })).rejects.toMatchObject({
        code: Status.ABORTED,
        reason: 'VERSION_NOT_REACHED',
      });
      const { version } = await service.accounts.deposit({ accountId, amount: usd(1n) });
      await expect(service.accounts.getBalance({ accountId, minVersion: version })).resolves.toMatchObject({
        version: 2n,
      });
    });
  });

  describe('ListAccountEvents', () => {
    it('streams the events after a version, the oldest first', async () => {
      const accountId = await openAccount(100n);
      await service.accounts.withdraw({ accountId, amount: usd(40n), reference: 'rent' });
      const events = await Array.fromAsync(service.accounts.listAccountEvents({ accountId, afterVersion: 1n }));
      expect(events).toMatchObject([
        { version: 2n, type: 'MONEY_DEPOSITED', amount: usd(100n), previousBalance: usd(0n), newBalance: usd(100n) },
        { version: 3n, type: 'MONEY_WITHDRAWN', amount: usd(40n), previousBalance: usd(100n), newBalance: usd(60n) },
      ]);
      expect(events[1]).toMatchObject({ accountId, reference: 'rent', correlationId: expect.stringMatching(/./) });
    });

    it('returns NOT_FOUND for an unknown account', async () => {
      const listed = Array.fromAsync(service.accounts.listAccountEvents({ accountId: 'nobody' }));
      await expect(listed).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' });
    });
  });
});

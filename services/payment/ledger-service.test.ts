import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import type { LedgerServiceDefinition } from '#gen/payment/v1/ledger.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { systemClock } from '#mesh';
import { describeServicesOnEachDatabase, eventually, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { paymentService } from './service.ts';

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

describeServicesOnEachDatabase('the ledger', (settings) => {
  let mesh: TestMesh;
  let clockMs: number | undefined;
  let accounts: Client<AccountServiceDefinition>;
  let payments: Client<PaymentServiceDefinition>;
  let ledger: Client<LedgerServiceDefinition>;

  beforeAll(async () => {
    const clock = { ...systemClock, now: () => clockMs ?? systemClock.now() };
    mesh = await startMesh([onRuntime(paymentService, (runtime) => ({ ...runtime, clock }))], settings());
    accounts = mesh.runtime.client(AccountServiceContract);
    payments = mesh.runtime.client(PaymentServiceContract);
    ledger = mesh.runtime.client(LedgerServiceContract);
  });
  afterAll(() => mesh.stop());

  async function openAccount(currencyCode = 'USD'): Promise<string> {
    const { id } = await accounts.openAccount({ accountId: `user-${randomUUID()}`, currencyCode });
    return id;
  }

  describe('ListBalances', () => {
    it('returns both sides of every movement, so a currency sums to zero', async () => {
      const userId = await openAccount('SEK');
      const sek = (minorUnits: bigint) => ({ currencyCode: 'SEK', minorUnits });
      await accounts.deposit({ accountId: userId, amount: sek(100n), reference: 'order:not-one' });
      await accounts.withdraw({ accountId: userId, amount: sek(10n) });
      await payments.charge({ orderId: `a-${userId}`, userId, amount: sek(40n) });
      await payments.charge({ orderId: `b-${userId}`, userId, amount: sek(5n) });
      await payments.refund({ orderId: `b-${userId}` });
      await eventually(async () => {
        const balances = await Array.fromAsync(ledger.listBalances({ currencyCode: 'SEK' }));
        expect(balances).toMatchObject([
          { accountId: '@sales.SEK', balance: sek(40n), version: 0n },
          { accountId: '@world.SEK', balance: sek(-90n), version: 0n },
          { accountId: userId, balance: sek(50n), version: 6n },
        ]);
      });
    });

    it('resumes after an id, up to a limit, with outside accounts first', async () => {
      const made = await Promise.all([openAccount('NOK'), openAccount('NOK'), openAccount('NOK')]);
      await accounts.deposit({ accountId: made[0] ?? '', amount: { currencyCode: 'NOK', minorUnits: 1n } });
      await eventually(async () => {
        const all = await Array.fromAsync(ledger.listBalances({ currencyCode: 'NOK' }));
        expect(all.map(({ accountId }) => accountId)).toEqual(['@world.NOK', ...made.toSorted()]);
      });
      const after = await Array.fromAsync(
        ledger.listBalances({ currencyCode: 'NOK', afterId: '@world.NOK', limit: 2 }),
      );
      expect(after.map(({ accountId }) => accountId)).toEqual(made.toSorted().slice(0, 2));
    });

    it('fails at an outside balance above 64 bits, after returning those before it', async () => {
      const most = { currencyCode: 'JPY', minorUnits: 2n ** 63n - 1n };
      const userIds = [await openAccount('JPY'), await openAccount('JPY')];
      for (const userId of userIds) await accounts.deposit({ accountId: userId, amount: most });
      const [userId = ''] = userIds;
      await payments.charge({ orderId: `jpy-${userId}`, userId, amount: { currencyCode: 'JPY', minorUnits: 1n } });
      await eventually(async () => {
        const listed: string[] = [];
        const listing = (async () => {
          for await (const { accountId } of ledger.listBalances({ currencyCode: 'JPY' })) listed.push(accountId);
        })();
        await expect(listing).rejects.toMatchObject({ code: Status.OUT_OF_RANGE, reason: 'SUM_TOO_LARGE' });
        expect(listed).toEqual(['@sales.JPY']);
      });
      const users = await Array.fromAsync(ledger.listBalances({ currencyCode: 'JPY', afterId: '@world.JPY' }));
      const balances = users.map(({ balance }) => balance?.minorUnits);
      expect(new Set(balances)).toEqual(new Set([most.minorUnits, most.minorUnits - 1n]));
    });
  });

  describe('GetStatement and ListStatements', () => {
    it('return the movements of each month, including the last write if its version is requested', async () => {
      clockMs = Date.parse('2026-01-31T23:59:59.999Z');
      const accountId = await openAccount();
      await accounts.deposit({ accountId, amount: usd(100n) });
      clockMs = Date.parse('2026-02-01T00:00:00.000Z');
      await accounts.withdraw({ accountId, amount: usd(30n) });
      await accounts.deposit({ accountId, amount: usd(5n) });
      clockMs = Date.parse('2026-05-10T12:00:00.000Z');
      const { version } = await accounts.withdraw({ accountId, amount: usd(75n) });
      clockMs = undefined;
      const listed = await Array.fromAsync(ledger.listStatements({ accountId, minVersion: version }));
      expect(listed).toMatchObject([
        {
          accountId,
          month: '2026-01',
          openingBalance: usd(0n),
          deposited: usd(100n),
          withdrawn: usd(0n),
          closingBalance: usd(100n),
          eventCount: 2n,
          lastVersion: 2n,
        },
        {
          month: '2026-02',
          openingBalance: usd(100n),
          deposited: usd(5n),
          withdrawn: usd(30n),
          closingBalance: usd(75n),
        },
        { month: '2026-05', openingBalance: usd(75n), withdrawn: usd(75n), closingBalance: usd(0n), eventCount: 1n },
      ]);
      const later = await Array.fromAsync(ledger.listStatements({ accountId, afterMonth: '2026-01' }));
      expect(later).toEqual(listed.slice(1));
      await expect(ledger.getStatement({ accountId, month: '2026-02' })).resolves.toEqual(listed[1]);
      const quiet = { openingBalance: usd(75n), closingBalance: usd(75n), deposited: usd(0n), withdrawn: usd(0n) };
      await expect(ledger.getStatement({ accountId, month: '2026-04' })).resolves.toMatchObject({
        ...quiet,
        month: '2026-04',
        eventCount: 0n,
        lastVersion: 4n,
      });
      await expect(ledger.getStatement({ accountId, month: '2025-12' })).rejects.toMatchObject({
        code: Status.NOT_FOUND,
        reason: 'ACCOUNT_NOT_FOUND',
      });
    });

    it('refuse an unknown account, and a version that the account has not reached', async () => {
      const month = '2026-01';
      await expect(ledger.getStatement({ accountId: 'nobody', month })).rejects.toMatchObject({
        reason: 'ACCOUNT_NOT_FOUND',
      });
      const accountId = await openAccount();
      await expect(ledger.getStatement({ accountId, month, minVersion: 9n })).rejects.toMatchObject({
        code: Status.ABORTED,
        reason: 'VERSION_NOT_REACHED',
        metadata: { version: '1' },
      });
    });

    it('refuse an invalid month', async () => {
      const asking = ledger.getStatement({ accountId: 'ada', month: '2026-13' });
      await expect(asking).rejects.toMatchObject({ violations: [{ field: 'month' }] });
    });
  });

  it('is the only service that reports NOT_SERVING while it is behind, and lists the position of its projections', async () => {
    const [service] = mesh.services;
    const served = service?.serves.map(({ contract, check }) => [contract.definition.fullName, check !== undefined]);
    expect(served).toEqual([
      ['payment.v1.AccountService', false],
      ['payment.v1.PaymentService', false],
      ['payment.v1.LedgerService', true],
    ]);
    const [admin] = service?.projections ?? [];
    const names = (await admin?.list())?.map(({ name }) => name);
    expect(names).toEqual(['payment/account-balances', 'payment/monthly-statements', 'payment/payment-list']);
  });
});

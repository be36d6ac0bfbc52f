import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountEvent, AccountServiceDefinition, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { MeshError, systemClock } from '#mesh';
import { describeServicesOnEachDatabase, onRuntime, patiently, startMesh, type TestMesh } from '#mesh/testing';
import { paymentService } from '../service.ts';

type Step =
  | { readonly kind: 'deposit'; readonly amount: bigint }
  | { readonly kind: 'withdraw'; readonly amount: bigint }
  | { readonly kind: 'charge'; readonly order: number; readonly amount: bigint }
  | { readonly kind: 'refund'; readonly order: number };

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const orders = fc.nat({ max: 2 });
const amounts = fc.bigInt(1n, 9n);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('deposit' as const), amount: amounts }),
    fc.record({ kind: fc.constant('withdraw' as const), amount: amounts }),
    fc.record({ kind: fc.constant('charge' as const), order: orders, amount: amounts }),
    fc.record({ kind: fc.constant('refund' as const), order: orders }),
  ),
  { minLength: 1, maxLength: 20 },
);

describeServicesOnEachDatabase('the history of an account', (settings) => {
  let mesh: TestMesh;
  let clockErrorMs = 0;
  let accounts: Client<AccountServiceDefinition>;
  let payments: Client<PaymentServiceDefinition>;

  beforeAll(async () => {
    const clock = { ...systemClock, now: () => systemClock.now() + clockErrorMs };
    mesh = await startMesh([onRuntime(paymentService, (runtime) => ({ ...runtime, clock }))], settings());
    accounts = mesh.runtime.client(AccountServiceContract);
    payments = mesh.runtime.client(PaymentServiceContract);
  });
  afterAll(() => mesh.stop());

  async function openAccount(): Promise<string> {
    const { id } = await accounts.openAccount({ accountId: randomUUID(), currencyCode: 'USD' });
    return id;
  }

  /** Takes a step, which the service may refuse for a reason that has a name. */
  async function take(accountId: string, step: Step): Promise<void> {
    try {
      await send(accountId, step);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      expect(['INSUFFICIENT_FUNDS', 'PAYMENT_REFUNDED', 'PAYMENT_EXISTS']).toContain(error.reason);
    }
  }

  function send(accountId: string, step: Step): Promise<unknown> {
    if (step.kind === 'deposit') return accounts.deposit({ accountId, amount: usd(step.amount) });
    if (step.kind === 'withdraw') return accounts.withdraw({ accountId, amount: usd(step.amount) });
    const orderId = `${accountId}.${step.order}`;
    if (step.kind === 'refund') return payments.refund({ orderId });
    return payments.charge({ orderId, userId: accountId, amount: usd(step.amount) });
  }

  async function expectSound(accountId: string): Promise<void> {
    const { balance, version } = await accounts.getBalance({ accountId });
    const events = await Array.fromAsync(accounts.listAccountEvents({ accountId }));
    expect(events.map((event) => event.version)).toEqual(events.map((_, index) => BigInt(index + 1)));
    expect(events.at(-1)).toMatchObject({ version, newBalance: balance });
    expect(events.reduce((sum, event) => sum + changeOf(event), 0n)).toBe(balance?.minorUnits);
    events.forEach((event, index) => {
      const before = events[index - 1];
      expect(event.previousBalance).toEqual(before?.newBalance ?? usd(0n));
      expect(event.newBalance?.minorUnits).toBe((event.previousBalance?.minorUnits ?? 0n) + changeOf(event));
      expect(event.newBalance?.minorUnits).toBeGreaterThanOrEqual(0n);
      expect(event.time?.getTime()).toBeGreaterThanOrEqual(before?.time?.getTime() ?? 0);
    });
  }

  it('sums to the balance after any steps, one after another', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const accountId = await openAccount();
        for (const step of sequence) await take(accountId, step);
        await expectSound(accountId);
      }),
      { numRuns: 20 },
    );
  });

  it('sums to the balance after any concurrent steps', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const accountId = await openAccount();
        await Promise.all(sequence.map((step) => take(accountId, step)));
        await expectSound(accountId);
      }),
      { numRuns: 20 },
    );
  });

  it('has times that never decrease, even if the clock goes back', async () => {
    const accountId = await openAccount();
    const deposited = await accounts.deposit({ accountId, amount: usd(5n) });
    clockErrorMs = -60_000;
    await accounts.withdraw({ accountId, amount: usd(2n) });
    clockErrorMs = 0;
    await expectSound(accountId);
    const then = accounts.getBalance({ accountId, asOfTime: deposited.updateTime });
    await expect(then).resolves.toMatchObject({ balance: usd(3n), version: 3n });
  });

  it('accepts exactly 100 of 200 concurrent withdrawals of 10 from 1,000', { timeout: 90_000 }, async () => {
    const accountId = await openAccount();
    await accounts.deposit({ accountId, amount: usd(1_000n) });
    const tries = Array.from({ length: 200 }, () => accounts.withdraw({ accountId, amount: usd(10n) }, patiently()));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'INSUFFICIENT_FUNDS' });
    }
    await expect(accounts.getBalance({ accountId })).resolves.toMatchObject({ balance: usd(0n), version: 102n });
    await expectSound(accountId);
  });
});

function changeOf({ type, amount }: AccountEvent): bigint {
  const minorUnits = amount?.minorUnits ?? 0n;
  return type === 'MONEY_WITHDRAWN' ? -minorUnits : minorUnits;
}

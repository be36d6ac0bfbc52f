import { expect, it } from 'vitest';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { createEventStore, type EventStore, type Finding, openStorage, type StreamEvent, systemClock } from '#mesh';
import { describeServicesOnEachDatabase, startMesh } from '#mesh/testing';
import type { AccountChange, Movement } from '../domain/account.ts';
import { counterpartOf } from '../domain/account.ts';
import type { PaymentChange } from '../domain/payment.ts';
import { paymentService } from '../service.ts';
import { accountEventTypes } from '../streams/account-stream.ts';
import { paymentEventTypes } from '../streams/payment-stream.ts';

const eur = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
const metadata = { correlationId: 'request-1', timeMs: 1 };

/** An amount that comes onto an account or, below zero, off it, and what is written on it. */
type Entry = readonly [amount: bigint, reference?: string];

/** The events of an account on which these entries follow each other. */
function historyOf(entries: readonly Entry[]): StreamEvent[] {
  let balance = 0n;
  const movements = entries.map(([amount, reference = '']): Movement => {
    const previousBalance = eur(balance);
    balance += amount;
    return {
      type: amount < 0n ? 'MONEY_WITHDRAWN' : 'MONEY_DEPOSITED',
      amount: eur(amount < 0n ? -amount : amount),
      previousBalance,
      newBalance: eur(balance),
      reference,
      counterpart: counterpartOf(reference === '' ? 'transfer' : 'order', 'EUR'),
    };
  });
  const changes: AccountChange[] = [{ type: 'ACCOUNT_OPENED', currencyCode: 'EUR' }, ...movements];
  return changes.map((change) => ({ ...accountEventTypes.encode(change), ...metadata }));
}

describeServicesOnEachDatabase('the audits of accounts and charges', (settings) => {
  /** Makes a database that has these accounts and payments; resolves with what both checks find once it is changed by hand. */
  async function findings(write: (store: EventStore) => Promise<void>, change?: string): Promise<string[]> {
    const environment = settings();
    await (await startMesh([paymentService], environment)).stop();
    const storage = await openStorage(environment.DATABASE_URL?.replaceAll('<service>', 'payment') ?? '');
    await write(await createEventStore(storage, { clock: systemClock }));
    if (change !== undefined) expect(await storage.execute(change)).toBe(1);
    await storage.close();
    const mesh = await startMesh([paymentService], environment);
    const found: Finding[] = [];
    for (const check of mesh.services[0]?.audits ?? []) {
      if (!['payment/account-events', 'payment/charges'].includes(check.name)) continue;
      for await (const finding of check.run({ examined: () => undefined }, new AbortController().signal)) {
        found.push(finding);
      }
    }
    await mesh.stop();
    return found.map(({ reason, ids }) => [reason, ...ids].join(' '));
  }

  async function pay(store: EventStore, orderId: string, amount: bigint, refunded = false): Promise<void> {
    const charged: PaymentChange = {
      type: 'PAYMENT_CHARGED',
      id: `pay-${orderId}`,
      userId: 'ada',
      amount: eur(amount),
      owner: '',
    };
    const changes: PaymentChange[] = refunded ? [charged, { type: 'PAYMENT_REFUNDED', id: charged.id }] : [charged];
    const events = changes.map((change) => ({ ...paymentEventTypes.encode(change), ...metadata }));
    await store.append(`payment-${orderId}`, 0n, events);
  }

  const brokenChain = historyOf([[1n], [2n]]).toSpliced(1, 1);
  const brokenZoe = 'BALANCE_CHAIN_BROKEN account-zoe 2';

  /** An order that was refunded more than a page of events after it was charged; the next account has a fault. */
  async function refundLate(store: EventStore): Promise<void> {
    const between = Array.from({ length: 600 }, (): Entry => [1n]);
    await store.append('account-ada', 0n, historyOf([[10n], [-5n, 'order:o1'], ...between, [5n, 'order:o1']]));
    await pay(store, 'o1', 5n, true);
    await store.append('account-zoe', 0n, brokenChain);
  }

  it('report a corrupt event, and continue with other accounts', async () => {
    const change = `UPDATE event SET time_ms = 7 WHERE stream = 'account-ada' AND version = 600`;
    expect(await findings(refundLate, change)).toEqual(['EVENT_CORRUPT account-ada 600', brokenZoe]);
  });

  it('report a corrupt event of a payment', async () => {
    const change = `UPDATE event SET time_ms = 7 WHERE stream = 'payment-o1' AND version = 1`;
    expect(await findings(refundLate, change)).toEqual([brokenZoe, 'EVENT_CORRUPT payment-o1 1']);
  });

  it('report a missing first event of an account', async () => {
    const change = `DELETE FROM event WHERE stream = 'account-ada' AND version = 1`;
    expect(await findings(refundLate, change)).toEqual(['EVENT_MISSING account-ada 1', brokenZoe]);
  });

  it('report an event that a snapshot includes and the account does not', async () => {
    const change = `INSERT INTO event_snapshot (stream, version, schema_version, state, checksum) VALUES ('account-ada', 9, 1, '{}', 0)`;
    const write = async (store: EventStore) => void (await store.append('account-ada', 0n, historyOf([[9n], [1n]])));
    expect(await findings(write, change)).toEqual(['EVENT_MISSING account-ada 4']);
  });

  it('compare thousands of orders with their payments, no matter how long after the charge the refund is', async () => {
    const ids = Array.from({ length: 2_500 }, (_, index) => `o${index}`);
    const refundedOf = (index: number) => index % 500 === 0;
    const write = async (store: EventStore) => {
      await Promise.all(ids.map((id, index) => pay(store, id, 5n, refundedOf(index))));
      const charges = ids.map((id): Entry => [-5n, `order:${id}`]);
      const refunds = ids.filter((_, index) => refundedOf(index)).map((id): Entry => [5n, `order:${id}`]);
      const faults: Entry[] = [
        [-5n, 'order:o3'],
        [5n, 'order:o7'],
        [5n, 'order:o1000'],
        [-5n, 'order:unpaid'],
      ];
      await store.append('account-ada', 0n, historyOf([[100_000n], ...charges, ...refunds, ...faults]));
    };
    const differing = ['o1000', 'o3', 'o7', 'unpaid'].map((id) => `PAYMENT_DIFFERS ${id} ada`);
    expect((await findings(write)).toSorted()).toEqual(differing);
  }, 60_000);

  it('find nothing while many orders are charged and refunded', async () => {
    const mesh = await startMesh([paymentService], settings());
    const accounts = mesh.runtime.client(AccountServiceContract);
    const payments = mesh.runtime.client(PaymentServiceContract);
    const userIds = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    for (const accountId of userIds) {
      await accounts.openAccount({ accountId, currencyCode: 'EUR' });
      await accounts.deposit({ accountId, amount: eur(1_000n) });
    }
    let trading = true;
    const trade = async (userId: string) => {
      for (let index = 0; index < 30; index += 1) {
        const { orderId } = await payments.charge({ orderId: `${userId}-${index}`, userId, amount: eur(1n) });
        if (index % 2 === 0) await payments.refund({ orderId });
      }
    };
    const check = mesh.services[0]?.audits?.find(({ name }) => name === 'payment/charges');
    const audit = () => Array.fromAsync(check?.run({ examined: () => undefined }, new AbortController().signal) ?? []);
    const audits = (async () => {
      while (trading) expect(await audit()).toEqual([]);
    })();
    await Promise.all(userIds.map(trade)).finally(() => {
      trading = false;
    });
    await audits;
    expect(await audit()).toEqual([]);
    await mesh.stop();
  });
});

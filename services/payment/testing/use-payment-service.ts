import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll } from 'vitest';
import { PaymentEvent } from '#gen/payment/v1/events.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { startMesh, type TestMesh } from '#mesh/testing';
import { paymentService } from '../service.ts';

export const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

/** Starts a payment service for the tests of a suite. */
export function usePaymentService(settings: () => Readonly<Record<string, string>>) {
  let mesh: TestMesh;
  let accounts: Client<AccountServiceDefinition>;
  let payments: Client<PaymentServiceDefinition>;

  beforeAll(async () => {
    mesh = await startMesh([paymentService], settings());
    accounts = mesh.runtime.client(AccountServiceContract);
    payments = mesh.runtime.client(PaymentServiceContract);
  });
  afterAll(() => mesh.stop());

  /** Opens an account for a new user with `minorUnits` USD: at version 2, or 1 if it is empty. */
  async function openAccount(minorUnits = 0n): Promise<string> {
    const accountId = `user-${randomUUID()}`;
    await accounts.openAccount({ accountId, currencyCode: 'USD' });
    if (minorUnits > 0n) await accounts.deposit({ accountId, amount: usd(minorUnits) });
    return accountId;
  }

  async function balanceOf(accountId: string): Promise<bigint | undefined> {
    return (await accounts.getBalance({ accountId })).balance?.minorUnits;
  }

  /** Returns the published events of an account, up to the one of `lastVersion`. */
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

  return {
    get accounts() {
      return accounts;
    },
    get payments() {
      return payments;
    },
    ...{ openAccount, balanceOf, eventsOf },
  };
}

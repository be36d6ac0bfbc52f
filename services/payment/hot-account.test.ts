import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import {
  describeWithServer,
  type PostgresServer,
  patiently,
  postgres,
  startMesh,
  startPostgres,
  type TestMesh,
} from '#mesh/testing';
import { paymentService } from './service.ts';

const timeout = 90_000;
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

describeWithServer(postgres, 'an account that two processes change at the same time', () => {
  let server: PostgresServer;
  let meshes: readonly TestMesh[];

  beforeAll(async () => {
    server = await startPostgres();
    // Brokers that are away: the outbox keeps what is for them.
    const brokers = { EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' };
    const environment = { DATABASE_URL: server.url('<service>'), ...brokers };
    meshes = [await startMesh([paymentService], environment), await startMesh([paymentService], environment)];
  });
  afterAll(async () => {
    for (const mesh of meshes) await mesh.stop();
    await server.stop();
  });

  it('pays exactly as many of 200 orders as it has money for, without gaps in its versions', { timeout }, async () => {
    const accountId = `user-${randomUUID()}`;
    const [accounts, others] = meshes.map((mesh) => mesh.runtime.client(AccountServiceContract));
    await accounts?.openAccount({ accountId, currencyCode: 'USD' });
    await others?.deposit({ accountId, amount: usd(1_000n) });
    const charges = Array.from({ length: 200 }, (_, index) => {
      const payments = meshes[index % 2]?.runtime.client(PaymentServiceContract);
      const charge = { orderId: `${accountId}.${index}`, userId: accountId, amount: usd(10n) };
      return payments?.charge(charge, patiently());
    });
    const outcomes = await Promise.allSettled(charges);
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.reason] : []));
    expect(refusals).toEqual(Array.from({ length: 100 }, () => 'INSUFFICIENT_FUNDS'));
    await expect(others?.getBalance({ accountId })).resolves.toMatchObject({ balance: usd(0n), version: 102n });
    const events = await Array.fromAsync(accounts?.listAccountEvents({ accountId }) ?? []);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => BigInt(index + 1)));
  });
});

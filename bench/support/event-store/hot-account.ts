import { randomUUID } from 'node:crypto';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { runConcurrently } from '../concurrency.ts';
import { compareByClock } from '../rates.ts';
import type { LoadedServer } from '../server.ts';

const callers = 64;
const charges = 300;
const rounds = 3;
const euros = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });

/** Compares charges of one account by 64 concurrent callers with charges of one account per caller. */
export async function compareHotAccount(mesh: LoadedServer) {
  const accounts = mesh.client(AccountServiceContract);
  const payments = mesh.client(PaymentServiceContract);
  const ids = Array.from({ length: callers }, (_, index) => `buyer-${index}`);
  const hot = 'everybody';
  await runConcurrently(callers + 1, callers, async (index) => {
    const accountId = ids[index] ?? hot;
    await accounts.openAccount({ requestId: randomUUID(), accountId, currencyCode: 'EUR' });
    await accounts.deposit({ requestId: randomUUID(), accountId, amount: euros(1_000_000_000n) });
  });
  const charge = (userIdOf: (index: number) => string) => () =>
    runConcurrently(charges, callers, (index) => {
      const order = { orderId: randomUUID(), userId: userIdOf(index), amount: euros(100n) };
      return payments.charge({ requestId: randomUUID(), ...order });
    });
  return await compareByClock(
    charges,
    rounds,
    charge(() => hot),
    charge((index) => ids[index % callers] ?? hot),
  );
}

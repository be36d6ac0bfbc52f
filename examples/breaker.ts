import { randomUUID } from 'node:crypto';
import { setInterval } from 'node:timers/promises';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { Account } from '#gen/payment/v1/payment.ts';
import { type Answer, createClients } from '#mesh';
import { formatMoney } from './support/format-money.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/**
 * A circuit breaker with a fallback: opossum's options, each with its setting. Shows a balance twice a second. Stop the mesh, and
 * it shows the last balance with its age; start it again, and half a minute later the circuit closes. Ctrl-C ends it.
 */
await runExample(async (mesh) => {
  const userId = await openAccount(mesh);
  const clients = await createClients(mesh.address, mesh.access);
  const payment = clients.client(AccountServiceContract, {
    breaker: {
      failureRatio: 0.5, //        errorThresholdPercentage: 50
      resetTimeoutMs: 30_000, //   resetTimeout: 30000
      minimumCalls: 1, //          volumeThreshold: 0, the default of opossum; ours is 20
    },
    fallback: {
      getBalance: {}, //           breaker.fallback((userId) => ({ userId, balance: null, fromCache: true, ... }))
    },
  });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  try {
    for await (const _ of setInterval(500, undefined, { signal: stop.signal })) {
      //                           timeout: 3000, and breaker.fire(userId)
      const answer = await payment.getBalance({ accountId: userId }, { deadline: Date.now() + 3_000 });
      console.log(textOf(userId, answer));
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clients.close();
  }
  return true;
});

function textOf(userId: string, { value, fromCache, asOf }: Answer<Account>): string {
  if (!fromCache) return `${userId} has ${balanceOf(value)}`;
  const known = value ? `had ${balanceOf(value)} at ${asOf.toISOString()}` : 'has an unknown balance';
  return `${userId} ${known} (payment service unavailable)`;
}

function balanceOf({ balance }: Account): string {
  return balance ? formatMoney(balance) : 'no balance';
}

async function openAccount({ accounts }: Mesh): Promise<string> {
  const accountId = `saver-${randomUUID()}`;
  const amount = { currencyCode: 'EUR', minorUnits: 15_000n };
  await accounts.openAccount({ requestId: randomUUID(), accountId, currencyCode: amount.currencyCode });
  await accounts.deposit({ requestId: randomUUID(), accountId, amount });
  return accountId;
}

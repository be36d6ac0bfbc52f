import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patiently } from '../mesh/testing/patiently.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { allServices } from '../services/all.ts';
import { bookOrder, euros, fillShop, type Shop, shopOf } from './support/shop.ts';

describe('a call that is sent many times concurrently', { timeout: 90_000 }, () => {
  let mesh: TestMesh;
  let shop: Shop;

  beforeAll(async () => {
    mesh = await startMesh(allServices);
    shop = shopOf(mesh.runtime);
    await fillShop(shop);
  });

  afterAll(() => mesh.stop());

  /** Makes the call `count` times concurrently. Returns the distinct responses. */
  async function distinctResponses<T>(count: number, call: () => Promise<T>): Promise<T[]> {
    const answers = await Promise.all(Array.from({ length: count }, call));
    return answers.filter((answer, index) => answers.findIndex((other) => isDeepStrictEqual(answer, other)) === index);
  }

  it('places one order and returns the same response to all', async () => {
    const request = bookOrder();
    expect(await distinctResponses(50, () => shop.orders.placeOrder(request, patiently()))).toHaveLength(1);
    expect(await Array.fromAsync(shop.orders.listOrders({}))).toHaveLength(1);
  });

  it('deposits once and returns the same response to all', async () => {
    await shop.accounts.openAccount({ requestId: randomUUID(), accountId: 'depositor', currencyCode: 'EUR' });
    const request = { requestId: randomUUID(), accountId: 'depositor', amount: euros(70n) };
    const [account, ...others] = await distinctResponses(50, () => shop.accounts.deposit(request, patiently()));
    expect(others).toEqual([]);
    expect(account?.balance).toEqual(euros(70n));
    await expect(shop.accounts.getBalance({ accountId: 'depositor' })).resolves.toEqual(account);
  });

  it.each([
    [
      'PlaceOrder',
      (requestId: string, n: number) => shop.orders.placeOrder({ ...bookOrder({ quantity: n }), requestId }),
    ],
    [
      'Deposit',
      (requestId: string, n: number) =>
        shop.accounts.deposit({ requestId, accountId: 'tom', amount: euros(BigInt(n)) }),
    ],
  ])('refuses %s with the same id but another payload', async (_, call) => {
    const requestId = randomUUID();
    await call(requestId, 1);
    await expect(call(requestId, 2)).rejects.toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('withdraws no more than the balance', async () => {
    const accountId = 'spender';
    await shop.accounts.openAccount({ requestId: randomUUID(), accountId, currencyCode: 'EUR' });
    await shop.accounts.deposit({ requestId: randomUUID(), accountId, amount: euros(1_000n) });
    const withdrawals = await Promise.allSettled(
      Array.from({ length: 200 }, () =>
        shop.accounts.withdraw({ requestId: randomUUID(), accountId, amount: euros(10n) }, patiently()),
      ),
    );
    const refusals = withdrawals.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refusals.map(({ reason }) => reason)).toEqual(Array(100).fill('INSUFFICIENT_FUNDS'));
    const account = await shop.accounts.getBalance({ accountId });
    expect(account).toMatchObject({ balance: euros(0n), version: 102n });
  });
});

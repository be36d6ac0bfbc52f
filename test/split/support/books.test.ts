import { describe, expect, it } from 'vitest';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { AccountEvent } from '#gen/payment/v1/payment.ts';
import { euros, type Shop } from '../../support/shop.ts';
import { expectEveryEvent, expectPaidOnce } from './books.ts';
import { accountIds, poorId, stock } from './shoppers.ts';

const completed = Order.fromPartial({
  id: 'o1',
  userId: 'ada',
  state: OrderState.ORDER_STATE_COMPLETED,
  total: euros(500n),
  etag: '5',
});
const charged = AccountEvent.fromPartial({ type: 'MONEY_WITHDRAWN', reference: 'order:o1', amount: euros(500n) });

/** A shop whose first account has these events, and has spent this much. */
function shopWith(events: readonly AccountEvent[], spent: bigint): Shop {
  const isAda = (id: string) => id === 'ada';
  const accounts = {
    async *listAccountEvents({ accountId }: { accountId: string }) {
      if (isAda(accountId)) yield* events;
    },
    async getBalance({ accountId }: { accountId: string }) {
      const funds = accountId === poorId ? 0n : stock.funds;
      return { balance: euros(funds - (isAda(accountId) ? spent : 0n)), version: 1n };
    },
  };
  return { accounts } as unknown as Shop;
}

describe('the invariants of a split mesh', () => {
  it('accept one charge for a completed order, and find a missing, a second and a foreign one', async () => {
    await expectPaidOnce(shopWith([charged], 500n), [completed]);
    await expect(expectPaidOnce(shopWith([], 500n), [completed])).rejects.toThrow('o1');
    await expect(expectPaidOnce(shopWith([charged, charged], 500n), [completed])).rejects.toThrow('o1');
    await expect(expectPaidOnce(shopWith([charged], 500n), [])).rejects.toThrow('o1');
    await expect(expectPaidOnce(shopWith([charged], 1_000n), [completed])).rejects.toThrow('minorUnits');
  });

  it('accept every event once and in order, and find a missing and a repeated one', async () => {
    const shop = shopWith([charged], 500n);
    const log = (versions: readonly number[]) =>
      new Map([
        ...accountIds.map((id) => [`payment.events/${id}`, [1]] as const),
        ['order.events/o1', versions],
        ['inventory.events/o1', [1, 2]],
        ['shipping.events/o1', [1]],
      ]);
    await expectEveryEvent(shop, [completed], log([1, 2, 3, 4, 5]));
    for (const wrong of [
      [1, 2, 3, 4],
      [1, 2, 4, 5],
      [1, 2, 3, 4, 4],
      [1, 3, 2, 4, 5],
    ]) {
      await expect(expectEveryEvent(shop, [completed], log(wrong))).rejects.toThrow('order.events/o1');
    }
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { PaymentServiceDefinition as service } from '#gen/payment/v1/payment.ts';
import { isOk, settle } from '../caller.ts';
import { expectOk, expectOkOr, newRequestId, type Rule, RuleBroken } from '../rule.ts';
import { concurrently } from '../rules/concurrency.ts';
import type { PaymentTest } from './payment.ts';

/** A payment as ListPayments returns it, without fields that have their default value. */
interface Listed {
  readonly id: string;
  readonly orderId: string;
  readonly state: string;
  readonly owner?: string;
}

/** The rules of payments alone. */
export function paymentRules({ caller, data, refusals, newAccount, newOrder, balanceOf }: PaymentTest): Rule[] {
  /** Lists payments until `faultOf` finds nothing wrong, for up to 5 s: the listing may lag. */
  async function expectListing(
    request: { readonly owner?: string },
    expected: string,
    faultOf: (items: readonly Listed[]) => string | undefined,
  ): Promise<void> {
    const { listPayments } = service.methods;
    const endMs = performance.now() + 5_000;
    for (;;) {
      const answer = expectOk(await caller.list(service, listPayments, request), 'there are payments');
      const fault = faultOf(answer.response.items as readonly Listed[]);
      if (fault === undefined) return;
      if (performance.now() > endMs) throw new RuleBroken(`${listPayments.name} to list ${expected}`, fault);
      await sleep(200);
    }
  }

  return [
    {
      name: 'zero-amount',
      promise: 'an order that costs nothing is charged, and refunded',
      async check() {
        const order = newOrder(await newAccount(1_000n), 0n);
        const charged = { orderId: order.id, state: 'PAYMENT_STATE_CHARGED' };
        expectOk(await settle(() => order.run(newRequestId())), 'an amount of 0', charged);
        expectOk(await settle(() => order.undo(newRequestId())), 'an amount of 0', { state: 'PAYMENT_STATE_REFUNDED' });
      },
    },
    {
      name: 'no-overdraft',
      promise: 'concurrent charges get no more than the balance, and the others are refused',
      async check() {
        const userId = await newAccount(5_000n);
        const answers = await concurrently(16, () => {
          const order = newOrder(userId, 1_000n);
          const requestId = newRequestId();
          return settle(() => order.run(requestId));
        });
        for (const answer of answers)
          expectOkOr(answer, refusals.insufficientFunds, '16 charges of 1000, and a balance of 5000');
        const [won, balance] = [answers.filter(isOk).length, await balanceOf(userId)];
        if (won === 5 && balance === 0n) return;
        throw new RuleBroken(
          '5 of 16 charges to be OK, and a balance of 0',
          `${won} are OK, the balance is ${balance}`,
        );
      },
    },
    {
      name: 'payments-listed',
      promise: 'ListPayments has every payment with its state, in order of their ids, at the latest after some seconds',
      async check() {
        const order = newOrder(await newAccount(10_000n), 1_999n);
        const { id } = expectOk(await settle(() => order.run(newRequestId())), 'the order is new').response;
        const fault = (items: readonly Listed[]) => {
          const isSorted = items.every((payment, index) => index === 0 || (items[index - 1]?.id ?? '') < payment.id);
          if (!isSorted) return 'payments that are not in order of their ids';
          const state = items.find((payment) => payment.id === id)?.state ?? 'missing';
          return state === 'PAYMENT_STATE_CHARGED' ? undefined : `payment ${id} ${state}`;
        };
        await expectListing({}, `payment ${id} as PAYMENT_STATE_CHARGED, in order`, fault);
      },
    },
    {
      name: 'payments-by-owner',
      promise: 'ListPayments with an owner has exactly the payments that were made for that owner',
      async check() {
        const userId = await newAccount(10_000n);
        const owner = data.prefix;
        const orders = [newOrder(userId, 1n), newOrder(userId, 1n, { owner })];
        for (const order of orders) expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
        const expected = `order ${orders[1]?.id} of "${owner}"`;
        await expectListing({ owner }, `only ${expected}`, (items) => {
          const found = items.map((item) => `order ${item.orderId} of "${item.owner ?? ''}"`).join(', ');
          return found === expected ? undefined : found || 'nothing';
        });
      },
    },
  ];
}

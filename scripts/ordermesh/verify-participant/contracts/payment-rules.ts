import { PaymentServiceDefinition as service } from '#gen/payment/v1/payment.ts';
import { isOk, settle } from '../caller.ts';
import { expectOk, expectOkOr, newRequestId, type Rule, RuleBroken } from '../rule.ts';
import { concurrently } from '../rules/concurrency.ts';
import type { PaymentTest } from './payment.ts';

/** The rules of payments alone. */
export function paymentRules({ caller, refusals, newAccount, newOrder, balanceOf }: PaymentTest): Rule[] {
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
        for (const answer of answers) expectOkOr(answer, refusals.poor, '16 charges of 1000, and a balance of 5000');
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
        const { listPayments } = service.methods;
        const startMs = performance.now();
        for (;;) {
          const answer = expectOk(await caller.list(service, listPayments, {}), 'there are payments');
          const items = answer.response.items as readonly { readonly id: string; readonly state: string }[];
          const found = items.find((payment) => payment.id === id);
          const isSorted = items.every((payment, index) => index === 0 || (items[index - 1]?.id ?? '') < payment.id);
          if (isSorted && found?.state === 'PAYMENT_STATE_CHARGED') return;
          if (isSorted && performance.now() - startMs < 5_000) {
            await new Promise((resolve) => setTimeout(resolve, 200));
            continue;
          }
          const state = isSorted
            ? `payment ${id} ${found?.state ?? 'missing'}`
            : 'payments that are not in order of their ids';
          throw new RuleBroken(`${listPayments.name} to list payment ${id} as PAYMENT_STATE_CHARGED, in order`, state);
        }
      },
    },
  ];
}

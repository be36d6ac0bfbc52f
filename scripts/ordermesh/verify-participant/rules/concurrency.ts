import { settle } from '../caller.ts';
import type { Participant, TestOrder } from '../participant.ts';
import { expectEffect, expectOk, expectOkOr, expectSame, newRequestId, type Rule } from '../rule.ts';

const orders = 12;
const attempts = 8;

/** Calls that overlap. */
export const concurrencyRules: readonly Rule[] = [
  {
    name: 'concurrent-repeats',
    promise: 'concurrent {run} calls with one request_id take effect once and get one response',
    async check(participant) {
      const order = await participant.newOrder();
      const requestId = newRequestId();
      const answers = await concurrently(attempts, () => settle(() => order.run(requestId)));
      const [first] = answers;
      for (const answer of answers) {
        expectOk(answer, `one of ${attempts} concurrent calls with one request_id`);
        if (first) expectSame(answer, first, `as another of ${attempts} concurrent calls with one request_id`);
      }
      await expectEffect(order, 1, `${attempts} concurrent calls with one request_id`);
      await concurrently(attempts, () => settle(() => order.undo(newRequestId())));
      await expectEffect(order, 0, `${attempts} concurrent undos`);
    },
  },
  {
    name: 'concurrent-orders',
    promise: 'concurrent {run} calls for one order with different request ids take effect once',
    async check(participant) {
      const order = await participant.newOrder();
      const answers = await concurrently(attempts, () => settle(() => order.run(newRequestId())));
      const [first] = answers;
      for (const answer of answers) {
        expectOk(answer, `one of ${attempts} concurrent calls for one order`);
        if (first) expectSame(answer, first, `as another of ${attempts} concurrent calls for one order`);
      }
      await expectEffect(order, 1, `${attempts} concurrent calls for one order`);
    },
  },
  {
    name: 'concurrent-undo',
    promise: '{run} and {undo} that overlap leave no effect, whichever comes first',
    async check(participant) {
      const raced = await concurrently(orders, participant.newOrder);
      await Promise.all(raced.map((order, index) => race(participant, order, index)));
    },
  },
];

/** Runs and undoes an order at the same time; in every third the caller of the step is gone early. */
async function race({ refusals }: Participant, order: TestOrder, index: number): Promise<void> {
  const requestId = newRequestId();
  const isGone = index % 3 === 2;
  const run = () => (isGone ? order.run(requestId, { cancelAfterMs: index }) : settle(() => order.run(requestId)));
  const undo = () => settle(() => order.undo(newRequestId()));
  const [first, second] = index % 2 === 0 ? [run(), undo()] : [undo(), run()];
  const [ran, undone] = index % 2 === 0 ? [await first, await second] : [await second, await first];
  if (!isGone) expectOkOr(ran, refusals.undone, 'it overlaps with its undo');
  expectOk(undone, 'it overlaps with the step');
  await expectEffect(order, 0, 'the step and its undo overlapped');
  expectOkOr(await settle(() => order.run(requestId)), refusals.undone, 'repeated after the undo');
  await expectEffect(order, 0, 'the step was repeated after its undo');
}

/** Calls `work` `times` times at once. */
export function concurrently<Result>(times: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => work(index)));
}

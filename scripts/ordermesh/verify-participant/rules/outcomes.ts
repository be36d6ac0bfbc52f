import { setTimeout as sleep } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { settle } from '../caller.ts';
import {
  expectEffect,
  expectOk,
  expectRefusal,
  expectSame,
  NotChecked,
  newRequestId,
  type Rule,
  RuleBroken,
} from '../rule.ts';

/** After how many milliseconds a caller is gone. Some are before the effect, some after it. */
const goneAfterMs = [0, 1, 2, 3, 5, 8, 13, 20, 40, 80];

/** Whatever a participant does late for a caller that is gone, it has done by then. */
const lateMs = 25;

/** Definite refusals, and outcomes that the caller never learns. */
export const outcomeRules: readonly Rule[] = [
  {
    name: 'refusals',
    promise: '{run} refuses what the business refuses with its code and reason, without an effect',
    async check(participant) {
      if (participant.refusedOrders.length === 0)
        throw new NotChecked('needs an order that is refused: --refused-country');
      for (const { why, refusal, newOrder } of participant.refusedOrders) {
        const order = await newOrder();
        expectRefusal(await settle(() => order.run(newRequestId())), refusal, why);
        await expectEffect(order, 0, `refused: ${why}`);
      }
    },
  },
  {
    name: 'invalid-requests',
    promise: 'a request that breaks the rules of the contract is refused as INVALID_ARGUMENT',
    async check({ invalidRequests }) {
      for (const { why, call } of invalidRequests) {
        const answer = await settle(call);
        if (answer.code === Status.INVALID_ARGUMENT) continue;
        throw new RuleBroken(`${answer.method} to answer INVALID_ARGUMENT (${why})`, answer);
      }
    },
  },
  {
    name: 'answer-lost',
    promise: '{run} and {undo} take effect once if the caller was gone before the answer and calls again',
    async check(participant) {
      for (const cancelAfterMs of goneAfterMs) {
        const order = await participant.newOrder();
        const [requestId, undoId] = [newRequestId(), newRequestId()];
        await order.run(requestId, { cancelAfterMs });
        const first = await settle(() => order.run(requestId));
        expectOk(first, `repeated; the caller of the first attempt was gone after ${cancelAfterMs} ms`);
        await sleep(lateMs);
        expectSame(await settle(() => order.run(requestId)), first, 'repeated once more, after a while');
        await expectEffect(order, 1, 'three attempts, two answers');
        await order.undo(undoId, { cancelAfterMs });
        expectOk(await settle(() => order.undo(undoId)), 'repeated after the caller was gone');
        await expectEffect(order, 0, 'two attempts of the undo, one answer');
      }
    },
  },
];

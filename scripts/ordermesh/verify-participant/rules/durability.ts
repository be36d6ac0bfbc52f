import { settle } from '../caller.ts';
import type { Participant } from '../participant.ts';
import { expectEffect, expectOk, expectRefusal, expectSame, NotChecked, newRequestId, type Rule } from '../rule.ts';
import { concurrently } from './concurrency.ts';

/** Kills the participant with SIGKILL and starts it again. Resolves when it may be called. */
export type Restart = () => Promise<void>;

/** How long a call is repeated after a restart. */
const patienceMs = 60_000;
const orders = 12;

/** What a `kill -9` must not lose. */
export function durabilityRules(restart: Restart | undefined): Rule[] {
  const withRestart =
    (check: (participant: Participant, restart: Restart) => Promise<void>) => async (participant: Participant) => {
      if (restart === undefined) throw new NotChecked('needs --restart');
      await check(participant, restart);
    };
  return [
    {
      name: 'durable',
      promise: 'what {run} and {undo} have answered survives kill -9: effects, first responses and what is forbidden',
      check: withRestart(checkDurable),
    },
    {
      name: 'crash',
      promise: '{run} and {undo} calls that kill -9 cuts off take effect once if they are repeated',
      check: withRestart(checkCrash),
    },
  ];
}

async function checkDurable(participant: Participant, restart: Restart): Promise<void> {
  const [forbidden, undone] = [await participant.newOrder(), await participant.newOrder()];
  const done = await concurrently(orders, participant.newOrder);
  const [requestId, undoId] = [newRequestId(), newRequestId()];
  expectOk(await settle(() => undone.run(requestId)), 'the order is new');
  const calls = done.map((order) => ({ order, id: newRequestId() }));
  const undoing = [settle(() => undone.undo(undoId)), settle(() => forbidden.undo(newRequestId()))];
  const first = await Promise.all(calls.map(({ order, id }) => settle(() => order.run(id))));
  const [undo] = await Promise.all(undoing);
  // Right after the answers: what was written after them is lost.
  await restart();
  await settle(forbidden.read, patienceMs);
  for (const [index, { order, id }] of calls.entries()) {
    const again = await settle(() => order.run(id), patienceMs);
    if (first[index]) expectSame(again, first[index], 'answered before kill -9');
    await expectEffect(order, 1, 'answered before kill -9');
  }
  if (undo) expectSame(await settle(() => undone.undo(undoId)), undo, 'answered before kill -9');
  await expectEffect(undone, 0, 'undone before kill -9');
  for (const order of [undone, forbidden]) {
    const late = await settle(() => order.run(newRequestId()));
    expectRefusal(late, participant.refusals.undone, 'undone before kill -9');
  }
}

async function checkCrash(participant: Participant, restart: Restart): Promise<void> {
  const probe = await participant.newOrder();
  for (const afterMs of [1, 5, 20]) {
    const [done, run] = [
      await concurrently(orders, participant.newOrder),
      await concurrently(orders, participant.newOrder),
    ];
    for (const order of done) expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
    const cutOff = [
      ...run.map(({ run: call, ...order }) => ({ order, call, times: 1 as const, requestId: newRequestId() })),
      ...done.map(({ undo: call, ...order }) => ({ order, call, times: 0 as const, requestId: newRequestId() })),
    ];
    const answers = Promise.all(cutOff.map(({ call, requestId }) => settle(() => call(requestId), patienceMs)));
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await restart();
    const settled = await answers;
    // All answers may have come before the kill.
    await settle(probe.read, patienceMs);
    for (const [index, { order, call, times, requestId }] of cutOff.entries()) {
      const answer = settled[index];
      if (answer) expectOk(answer, 'cut off by kill -9, and repeated');
      await expectEffect(order, times, 'cut off by kill -9, and repeated');
      expectOk(await settle(() => call(requestId)), 'repeated once more');
      await expectEffect(order, times, 'repeated once more');
    }
  }
}

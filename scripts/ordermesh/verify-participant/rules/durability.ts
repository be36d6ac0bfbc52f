import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, isDefinite, settle } from '../caller.ts';
import type { Participant, TestOrder } from '../participant.ts';
import { expectEffect, expectOk, expectRefusal, expectSame, NotChecked, newRequestId, type Rule } from '../rule.ts';
import { concurrently } from './concurrency.ts';

/** Kills the participant with SIGKILL and starts it again. Resolves when it may be called. */
export type Restart = () => Promise<void>;

/** How long a call is repeated after a restart. */
const retryForMs = 60_000;
const orders = 12;
/** A participant that answers so many orders before the kill is too fast for this check. */
const maxOrders = 192;
/** How many calls are in progress when the participant is killed. */
const inProgress = 24;

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
  await settle(forbidden.read, { retryForMs });
  for (const [index, { order, id }] of calls.entries()) {
    const again = await settle(() => order.run(id), { retryForMs });
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
  const delaysMs = [1, 5, 20];
  let count = orders;
  let wasCutOff = false;
  for (let round = 0; round < delaysMs.length || (!wasCutOff && count <= maxOrders); round += 1) {
    const calls = await crashDuring(participant, restart, count, delaysMs[round % delaysMs.length] ?? 0);
    const isCutOff = calls.some((call) => call.isCutOff);
    wasCutOff ||= isCutOff;
    if (!isCutOff) count *= 2;
    for (const { order, call, times, requestId, answer } of calls) {
      expectOk(answer, 'cut off by kill -9, and repeated');
      await expectEffect(order, times, 'cut off by kill -9, and repeated');
      expectOk(await settle(() => call(requestId)), 'repeated once more');
      await expectEffect(order, times, 'repeated once more');
    }
  }
  if (!wasCutOff) throw new NotChecked('needs a kill that cuts off calls', 'answers to all of them before the kill');
}

/** A call that was in progress at a crash, or shortly before it. */
interface CrashedCall {
  readonly order: Pick<TestOrder, 'id' | 'observe'>;
  readonly call: (requestId: string) => Promise<Answer>;
  /** How many times the step is in effect after the call. */
  readonly times: 0 | 1;
  readonly requestId: string;
  /** The definite one. */
  readonly answer: Answer;
  /** Whether an attempt was sent and not answered. */
  readonly isCutOff: boolean;
}

/** Calls the steps of `count` orders and the undos of as many others, and meanwhile kills the participant. */
async function crashDuring(participant: Participant, restart: Restart, count: number, afterMs: number) {
  const [probe, ...created] = await concurrently(2 * count + 1, participant.newOrder);
  const planned = created.map((order, index) => ({ order, times: index % 2 === 0 ? (1 as const) : (0 as const) }));
  await Promise.all(
    planned
      .filter(({ times }) => times === 0)
      .map(async ({ order }) => expectOk(await settle(() => order.run(newRequestId())), 'the order is new')),
  );

  const crash = new AbortController();
  const failure = new AbortController();
  const queue = planned.values();
  const calls: CrashedCall[] = [];
  const worker = async () => {
    for (const { order, times } of queue) {
      if (crash.signal.aborted) return;
      const call = times === 1 ? order.run : order.undo;
      const requestId = newRequestId();
      let isCutOff = false;
      const attempt = async () => {
        const answer = await call(requestId);
        isCutOff ||= answer.isSent && !isDefinite(answer);
        if (!isDefinite(answer)) crash.abort();
        return answer;
      };
      const answer = await settle(attempt, { retryForMs, signal: failure.signal });
      calls.push({ order, call, times, requestId, answer, isCutOff });
    }
  };
  const working = Promise.all(Array.from({ length: inProgress }, worker));
  try {
    await sleep(afterMs);
    await restart();
  } catch (error) {
    failure.abort();
    throw error;
  } finally {
    crash.abort();
    await working;
  }
  // All answers may have come before the kill.
  if (probe) await settle(probe.read, { retryForMs });
  return calls;
}

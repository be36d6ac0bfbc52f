import type { DeadLetterServiceHandlers } from '#gen/ops/v1/ops.contract.ts';
import type { Clock, DeadLetterQueue, Logger } from '#mesh';
import { unknownDeadLetter } from '../errors.ts';
import { deadLetterToProto, filterFromProto } from '../proto.ts';
import { firstOf } from '../take.ts';
import { changeDeadLetters } from './change-dead-letters.ts';
import { createPace } from './create-pace.ts';
import { redriveDeadLetters } from './redrive-dead-letters.ts';

// A backlog of dead letters is not to overrun what has just come back, nor the work of the day.
const redrivesPerSecond = 100;
// What is left of a call's time when no further letter is begun: for the last one, and for the answer.
const keptForTheEnd = 0.25;

export interface DeadLetterRpcDeps {
  readonly deadLetters: DeadLetterQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Implements `ops.v1.DeadLetterService`. */
export function createDeadLetterRpc({ deadLetters, clock, logger }: DeadLetterRpcDeps): DeadLetterServiceHandlers {
  const pace = createPace(clock, redrivesPerSecond);
  return {
    async *listDeadLetters({ filter, afterId, limit }, { signal }) {
      const list = deadLetters.list(filter ? filterFromProto(filter) : {}, afterId);
      for await (const letter of firstOf(list, limit, signal)) yield deadLetterToProto(letter);
    },

    async getDeadLetter({ id }) {
      const letter = await deadLetters.get(id);
      if (!letter) throw unknownDeadLetter({ id });
      return deadLetterToProto(letter);
    },

    async redriveDeadLetters({ ids, filter, dryRun }, call) {
      const { signal, once } = call;
      const untilMs = clock.elapsedMs() + call.remainingMs() * (1 - keptForTheEnd);
      const nextTurn = () => pace.turn(untilMs, signal);
      const redrive = async () => {
        const chosen = { ids, filter: filter && filterFromProto(filter), dryRun };
        const context = { signal, logger, ...(!dryRun && { nextTurn }) };
        const { changedIds, ...others } = await redriveDeadLetters(deadLetters, chosen, context);
        return { redrivenIds: changedIds, ...others };
      };
      // A dry run has no effect to repeat, and its response is soon out of date.
      return dryRun ? await redrive() : await once.withoutTransaction(redrive);
    },

    discardDeadLetters: ({ ids, note }, { once, signal }) =>
      once.withoutTransaction(async () => {
        const discard = (id: string) => deadLetters.discard(id, note);
        const { changedIds, missingIds, failures } = await changeDeadLetters(ids, discard, { signal, logger });
        return { discardedIds: changedIds, missingIds, failures };
      }),
  };
}

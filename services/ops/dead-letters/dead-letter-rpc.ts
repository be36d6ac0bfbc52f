import { DeadLetterServiceDefinition, type DeadLetterServiceImplementation } from '#gen/ops/v1/ops.ts';
import {
  type Clock,
  type DeadLetterQueue,
  type Idempotency,
  type Logger,
  type MeshCallContext,
  repeatable,
} from '#mesh';
import { answerOnce } from '../answer-once.ts';
import { unknownDeadLetter } from '../errors.ts';
import { deadLetterToProto, filterFromProto } from '../proto.ts';
import { firstOf } from '../take.ts';
import { changeDeadLetters } from './change-dead-letters.ts';
import { createPace } from './create-pace.ts';
import { redriveDeadLetters } from './redrive-dead-letters.ts';

const { methods } = DeadLetterServiceDefinition;
const redriving = repeatable(DeadLetterServiceDefinition, methods.redriveDeadLetters);
const discarding = repeatable(DeadLetterServiceDefinition, methods.discardDeadLetters);

// A backlog of dead letters is not to overrun what has just come back, nor the work of the day.
const redrivesPerSecond = 100;
// What is left of a call's time when no further letter is begun: for the last one, and for the answer.
const keptForTheEnd = 0.25;

/** What the handlers stand on. */
export interface DeadLetterRpcDeps {
  readonly deadLetters: DeadLetterQueue;
  readonly idempotency: Idempotency;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The handlers of `ops.v1.DeadLetterService`. */
export function createDeadLetterRpc(deps: DeadLetterRpcDeps): DeadLetterServiceImplementation<MeshCallContext> {
  const { deadLetters, idempotency, clock, logger } = deps;
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

    async redriveDeadLetters(request, call) {
      const { signal } = call;
      const { ids, filter, dryRun } = request;
      const untilMs = clock.elapsedMs() + call.remainingMs() * (1 - keptForTheEnd);
      const nextTurn = () => pace.turn(untilMs, signal);
      const redrive = async () => {
        const chosen = { ids, filter: filter && filterFromProto(filter), dryRun };
        const context = { signal, logger, ...(!dryRun && { nextTurn }) };
        const { changedIds, ...others } = await redriveDeadLetters(deadLetters, chosen, context);
        return { redrivenIds: changedIds, ...others };
      };
      // A dry run has no effect to keep from being repeated, and its answer is out of date soon.
      return dryRun ? await redrive() : await answerOnce(idempotency, redriving, request, redrive);
    },

    discardDeadLetters: (request, { signal }) =>
      answerOnce(idempotency, discarding, request, async () => {
        const discard = (id: string) => deadLetters.discard(id, request.note);
        const { changedIds, missingIds, failures } = await changeDeadLetters(request.ids, discard, { signal, logger });
        return { discardedIds: changedIds, missingIds, failures };
      }),
  };
}

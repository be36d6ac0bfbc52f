import { DeadLetterServiceDefinition, type DeadLetterServiceImplementation } from '../../gen/ts/ops/v1/ops.ts';
import type { DeadLetterBox } from '../../mesh/dead-letters/dead-letters.ts';
import type { Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { repeatable } from '../../mesh/idempotency/repeatable.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import type { Logger } from '../../mesh/telemetry/logger.ts';
import { answerOnce } from './answer-once.ts';
import { changeDeadLetters } from './change-dead-letters.ts';
import { unknownDeadLetter } from './errors.ts';
import { firstOf } from './first-of.ts';
import { deadLetterToProto, filterFromProto } from './proto.ts';
import { redriveDeadLetters } from './redrive-dead-letters.ts';

const { methods } = DeadLetterServiceDefinition;
const redriving = repeatable(DeadLetterServiceDefinition, methods.redriveDeadLetters);
const discarding = repeatable(DeadLetterServiceDefinition, methods.discardDeadLetters);

/** What the handlers stand on. */
export interface DeadLetterRpcDeps {
  readonly deadLetters: DeadLetterBox;
  readonly idempotency: Idempotency;
  readonly logger: Logger;
}

/** The handlers of `ops.v1.DeadLetterService`. */
export function createDeadLetterRpc(deps: DeadLetterRpcDeps): DeadLetterServiceImplementation<MeshCallContext> {
  const { deadLetters, idempotency, logger } = deps;
  return {
    async *listDeadLetters({ filter, afterId, limit }, { signal }) {
      const list = deadLetters.list(filter ? filterFromProto(filter) : {}, afterId);
      for await (const letter of firstOf(list, limit, signal)) yield deadLetterToProto(letter);
    },

    async getDeadLetter({ id }) {
      const letter = await deadLetters.get(id);
      if (!letter) throw unknownDeadLetter(id);
      return deadLetterToProto(letter);
    },

    async redriveDeadLetters(request, { signal }) {
      const { ids, filter, dryRun } = request;
      const redrive = async () => {
        const chosen = { ids, filter: filter && filterFromProto(filter), dryRun };
        const { changedIds, missingIds, failures } = await redriveDeadLetters(deadLetters, chosen, { signal, logger });
        return { redrivenIds: changedIds, missingIds, failures };
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

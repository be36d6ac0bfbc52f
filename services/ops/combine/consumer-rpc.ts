import type { ConsumerServiceHandlers } from '#gen/ops/v1/consumer.contract.ts';
import type { ConsumerGroup } from '#gen/ops/v1/consumer.ts';
import { unknownGroup } from '../errors.ts';
import { unreachable } from './ask.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.ConsumerService`. Events are replayed by a process that has the group. */
export function createConsumerRpc(viewOf: ViewOf): ConsumerServiceHandlers {
  return {
    async listConsumers(_request, call) {
      const lists = await viewOf(call).all((part) => part.listConsumers(call));
      const groups = new Map<string, ConsumerGroup>();
      for (const { answer } of lists) for (const group of answer) groups.set(group.group, group);
      return { groups: [...groups.values()].toSorted((one, other) => (one.group < other.group ? -1 : 1)) };
    },

    async *replayConsumer(request, call) {
      const view = viewOf(call);
      if (view.isAlone) return yield* view.local.replayConsumer(request, call);
      const { answers, unanswered } = await view.allKnown((part) => part.listConsumers(call));
      const owner = answers.find(({ answer }) => answer.some(({ group }) => group === request.group));
      if (!owner && unanswered.length > 0) throw unreachable(unanswered);
      const known = answers.flatMap(({ answer }) => answer.map(({ group }) => group)).toSorted();
      if (!owner) throw unknownGroup({ group: request.group, known });
      yield* owner.part.replayConsumer(request, call);
    },
  };
}

import type { OperatorAction as ActionMessage } from '#gen/ops/v1/action.ts';
import { mergeById, type OperatorAction, type OperatorActions, readPages, type Service, take } from '#mesh';
import type { OpsPart } from '../ops-part.ts';

/** A service with its record of actions. */
export type OwnActions = Pick<Service, 'name' | 'actions'>;

/** Shows what operators changed in the services of this process. */
export function localActions(services: readonly OwnActions[]): Pick<OpsPart, 'listActions'> {
  return {
    async *listActions({ afterId, limit, subject }, { signal }) {
      const lists = services.flatMap(({ name, actions }) => (actions ? [listOf(name, actions, afterId, signal)] : []));
      yield* take(ofSubject(mergeById(lists), subject), limit, signal);
    },
  };
}

function listOf(service: string, actions: OperatorActions, after: string, signal: AbortSignal) {
  return readPages({
    after,
    signal,
    fetch: (afterId, size) => actions.page(afterId, size),
    cursorOf: ({ id }) => id,
    map: (action) => toProto(service, action),
  });
}

async function* ofSubject(actions: AsyncIterable<ActionMessage>, subject: string): AsyncGenerator<ActionMessage> {
  for await (const action of actions) if (subject === '' || action.subject === subject) yield action;
}

function toProto(service: string, { timeMs, roles, ...action }: OperatorAction): ActionMessage {
  return { ...action, roles: [...roles], service, time: new Date(timeMs) };
}

import type { DeadLetterServiceHandlers } from '#gen/ops/v1/ops.contract.ts';
import { type Clock, type MeshCallContext, maxInt64 } from '#mesh';
import { eitherIdsOrFilter, unknownDeadLetter } from '../errors.ts';
import type { DeadLetterChange, OpsPart } from '../ops-part.ts';
import { changeInOrder } from './change-in-order.ts';
import type { MeshView, ViewOf } from './mesh-view.ts';
import { createPace } from './pace.ts';

// A backlog of dead letters must not overload a dependency that has just recovered, nor displace current work.
const redrivesPerSecond = 100;
// The share of a call's time in which no further redrive begins: for the last one, and for the response.
const reservedShare = 0.25;
// One that fails again may come back as a new dead letter: a bound keeps a filter from redriving it forever.
const maxByFilter = 1_000;

/** Implements `ops.v1.DeadLetterService`. Each change is made by a process that has the dead letter. */
export function createDeadLetterRpc(viewOf: ViewOf, clock: Clock): DeadLetterServiceHandlers {
  const pace = createPace(clock, redrivesPerSecond);
  return {
    async *listDeadLetters(request, call) {
      const list = viewOf(call).list(request, (part, afterId) => part.listDeadLetters({ ...request, afterId }, call));
      for await (const { element } of list) yield element;
    },

    getDeadLetter: async (request, call) =>
      (await viewOf(call).find((part) => part.getDeadLetter(request, call))).answer,

    async redriveDeadLetters({ ids, filter, dryRun }, call) {
      if (ids.length > 0 === (filter !== undefined)) throw eitherIdsOrFilter();
      const untilMs = clock.elapsedMs() + call.remainingMs() * (1 - reservedShare);
      const nextTurn = () => (dryRun ? Promise.resolve(true) : pace.turn(untilMs, call.signal));
      const answered = dryRun ? undefined : await call.once.replay();
      if (answered) return answered;
      const view = viewOf(call);
      const owners = new Map<string, OpsPart>();
      if (filter) {
        const list = view.list({ afterId: '', limit: maxByFilter }, (part, afterId) =>
          part.listDeadLetters({ filter, afterId, limit: maxByFilter }, call),
        );
        for await (const { part, element } of list) owners.set(element.id, part);
      }
      const redrive = async () => {
        const change = dryRun
          ? (id: string) => findOpen(view, id, call)
          : (id: string) => changeAtOwner(view, id, call, owners.get(id), (part) => part.redrive(id, call));
        const chosen = filter ? [...owners.keys()] : ids;
        const { changedIds, ...others } = await changeInOrder(chosen, change, { signal: call.signal, nextTurn });
        return { redrivenIds: changedIds, ...others };
      };
      // A dry run has no effect to repeat, and its response is soon out of date. If processes did not answer, a repeated call
      // redrives what they have.
      const isStored = !dryRun && view.missing().length === 0;
      return isStored ? await call.once.withoutTransaction(redrive) : await redrive();
    },

    discardDeadLetters: ({ ids, note }, call) =>
      call.once.withoutTransaction(async () => {
        const view = viewOf(call);
        const discard = (id: string) =>
          changeAtOwner(view, id, call, undefined, (part) => part.discard(id, note, call));
        const { changedIds, missingIds, failures } = await changeInOrder(ids, discard, { signal: call.signal });
        return { discardedIds: changedIds, missingIds, failures };
      }),
  };
}

/** Changes a dead letter in the process that has it: `owner`, if that is known. */
async function changeAtOwner(
  view: MeshView,
  id: string,
  call: MeshCallContext,
  owner: OpsPart | undefined,
  change: (part: OpsPart) => Promise<DeadLetterChange>,
): Promise<DeadLetterChange> {
  if (owner ?? view.isAlone) return await change(owner ?? view.local);
  const found = await find(view, id, call);
  return found ? await change(found.part) : 'missing';
}

async function findOpen(view: MeshView, id: string, call: MeshCallContext): Promise<DeadLetterChange> {
  const found = await find(view, id, call);
  return found && !found.answer.closing ? 'changed' : 'missing';
}

/** Finds a dead letter without its content. */
async function find(view: MeshView, id: string, call: MeshCallContext) {
  try {
    return await view.find((part) => part.getDeadLetter({ id, payloadOffset: maxInt64 }, call));
  } catch (error) {
    if (unknownDeadLetter.is(error)) return undefined;
    throw error;
  }
}

import type { DeadLetterFailure } from '#gen/ops/v1/ops.ts';
import { cutText, MeshError } from '#mesh';
import type { DeadLetterChange } from '../ops-part.ts';

/** The outcome of each id, in the given order. */
export interface ChangeOutcome {
  readonly changedIds: string[];
  readonly missingIds: string[];
  readonly failures: DeadLetterFailure[];
  /** Ids that were not reached in time. */
  readonly leftIds: string[];
}

export interface ChangeContext {
  readonly signal: AbortSignal;
  /** Waits until the next change may begin. False: leave it and those after it. Default: no wait. */
  readonly nextTurn?: () => Promise<boolean>;
}

/**
 * Changes dead letters one after another, because events of one key have an order. A failure does not stop the others.
 * Nothing more begins after `signal` aborts.
 */
export async function changeInOrder(
  ids: readonly string[],
  change: (id: string) => Promise<DeadLetterChange>,
  { signal, nextTurn = async () => true }: ChangeContext,
): Promise<ChangeOutcome> {
  const outcome: ChangeOutcome = { changedIds: [], missingIds: [], failures: [], leftIds: [] };
  const left = new Set(ids);
  for (const id of left) {
    signal.throwIfAborted();
    if (!(await nextTurn())) return { ...outcome, leftIds: [...left] };
    left.delete(id);
    const changed = await change(id).catch((error: unknown) => failureOf(error, signal));
    if (changed === 'changed') outcome.changedIds.push(id);
    else if (changed === 'missing') outcome.missingIds.push(id);
    else outcome.failures.push({ id, ...changed });
  }
  return outcome;
}

/** Of a process that did not answer. What it did with a dead letter is then not known. */
function failureOf(error: unknown, signal: AbortSignal): DeadLetterChange {
  signal.throwIfAborted();
  if (!(error instanceof MeshError)) throw error;
  return { reason: error.reason, message: cutText(error.message, 1_000) };
}

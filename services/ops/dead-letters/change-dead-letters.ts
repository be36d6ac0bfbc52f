import { handlerFailed, type Logger, MeshError } from '#mesh';

/** Why a dead letter could not be changed. */
export interface ChangeFailure {
  readonly id: string;
  readonly reason: string;
  readonly message: string;
}

/** What became of each id, in the order they were given. */
export interface ChangeOutcome {
  readonly changedIds: string[];
  readonly missingIds: string[];
  readonly failures: ChangeFailure[];
  /** Those whose turn did not come. */
  readonly leftIds: string[];
}

/** What changing stands on. */
export interface ChangeContext {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Waits until the next may begin; false when it and those behind it are to be left. Default: all, at once. */
  readonly nextTurn?: () => Promise<boolean>;
}

/**
 * Changes dead letters one after another, since events of one key have an order; what fails for one keeps no other from
 * its turn. `change` resolves with false for an id that there is no dead letter for. Begins nothing more after `signal`.
 */
export async function changeDeadLetters(
  ids: readonly string[],
  change: (id: string) => Promise<boolean>,
  { signal, logger, nextTurn = async () => true }: ChangeContext,
): Promise<ChangeOutcome> {
  const outcome: ChangeOutcome = { changedIds: [], missingIds: [], failures: [], leftIds: [] };
  const left = new Set(ids);
  for (const id of left) {
    signal.throwIfAborted();
    if (!(await nextTurn())) return { ...outcome, leftIds: [...left] };
    left.delete(id);
    try {
      ((await change(id)) ? outcome.changedIds : outcome.missingIds).push(id);
    } catch (error) {
      outcome.failures.push(failureOf(id, error, logger));
    }
  }
  return outcome;
}

function failureOf(id: string, error: unknown, logger: Logger): ChangeFailure {
  if (error instanceof MeshError) return { id, reason: error.reason, message: error.message };
  logger.error({ err: error, dead_letter: id }, 'a dead letter could not be changed');
  return { id, reason: handlerFailed.reason, message: 'it failed again: GetDeadLetter shows the new error' };
}

import { MeshError } from '../../mesh/errors/mesh-error.ts';
import type { Logger } from '../../mesh/telemetry/logger.ts';

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
}

/**
 * Changes dead letters one after another, since events of one key have an order; what fails for one keeps no other from
 * its turn. `change` resolves with false for an id that there is no dead letter for. Begins nothing more after `signal`.
 */
export async function changeDeadLetters(
  ids: readonly string[],
  change: (id: string) => Promise<boolean>,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<ChangeOutcome> {
  const outcome: ChangeOutcome = { changedIds: [], missingIds: [], failures: [] };
  for (const id of new Set(ids)) {
    signal.throwIfAborted();
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
  return { id, reason: 'HANDLER_FAILED', message: 'it failed again: GetDeadLetter shows the new error' };
}

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

// As many as share a commit at a time.
const chunkSize = 50;

/**
 * Changes dead letters one by one: what fails for one keeps none of the others from theirs. `change` resolves with false
 * for an id that there is no dead letter for. Nothing more is begun after `signal`.
 */
export async function changeDeadLetters(
  ids: readonly string[],
  change: (id: string) => Promise<boolean>,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<ChangeOutcome> {
  const outcome: ChangeOutcome = { changedIds: [], missingIds: [], failures: [] };
  const left = [...new Set(ids)];
  while (left.length > 0) {
    signal.throwIfAborted();
    const chunk = left.splice(0, chunkSize);
    const results = await Promise.allSettled(chunk.map(change));
    for (const [index, id] of chunk.entries()) {
      const result = results[index];
      if (result?.status === 'rejected') outcome.failures.push(failureOf(id, result.reason, logger));
      else (result?.value ? outcome.changedIds : outcome.missingIds).push(id);
    }
  }
  return outcome;
}

function failureOf(id: string, error: unknown, logger: Logger): ChangeFailure {
  if (error instanceof MeshError) return { id, reason: error.reason, message: error.message };
  logger.error({ err: error, dead_letter: id }, 'a dead letter could not be changed');
  return { id, reason: 'HANDLER_FAILED', message: 'it failed again: GetDeadLetter shows the new error' };
}

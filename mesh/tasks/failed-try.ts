import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { WorkSettings } from './work-defaults.ts';

/** What follows from a try that failed: another one later, or a dead letter. */
export type Verdict =
  | { readonly next: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly next: 'dead-letter'; readonly reason: string; readonly error: string };

/** The codes that say that no repetition of the same work helps. */
const permanentCodes: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.PERMISSION_DENIED,
  Status.UNAUTHENTICATED,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.UNIMPLEMENTED,
]);

/** Whether a failure says that no further try of the same work can help, so that it is the last. */
export function isPermanentFailure(error: unknown): error is MeshError {
  return error instanceof MeshError && permanentCodes.has(error.code);
}

/**
 * Judges the failure of try number `attempt`. Delays vary by ±10 %, so that what failed together does not come back
 * together.
 */
export function judgeFailure(error: unknown, attempt: number, { retryDelaysMs }: WorkSettings): Verdict {
  const text = error instanceof Error ? error.message : String(error);
  if (isPermanentFailure(error)) {
    return { next: 'dead-letter', reason: error.reason, error: text };
  }
  const delayMs = retryDelaysMs[attempt - 1];
  if (delayMs === undefined) return { next: 'dead-letter', reason: 'ATTEMPTS_EXHAUSTED', error: text };
  return { next: 'retry', delayMs: Math.round(delayMs * (0.9 + Math.random() * 0.2)), error: text };
}

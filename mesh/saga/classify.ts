import { ClientError, Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { StepError } from './record.ts';

/** What an error says about the effect of the call that failed: `refused` had none, `unknown` may have one. */
export interface Verdict {
  readonly outcome: 'refused' | 'unknown';
  readonly error: StepError;
}

const refusals: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.PERMISSION_DENIED,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.UNAUTHENTICATED,
  Status.UNIMPLEMENTED,
]);

/** Judges the error of a step or an undo. Only what is known to have had no effect is a refusal. */
export function classify(error: unknown): Verdict {
  if (error instanceof MeshError) return verdict(error.code, error.reason, error.message);
  if (error instanceof ClientError) return verdict(error.code, Status[error.code], error.details);
  return { outcome: 'unknown', error: { reason: 'INTERNAL', message: String(error) } };
}

function verdict(code: Status, reason: string, message: string): Verdict {
  return { outcome: refusals.has(code) ? 'refused' : 'unknown', error: { reason, message } };
}

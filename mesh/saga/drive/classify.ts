import { ClientError, Status } from 'nice-grpc-common';
import { isMiswired, isRefusal } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { withCauses } from '../../errors/with-causes.ts';
import type { Failed } from '../decide/decide.ts';
import type { StepError } from '../decide/record.ts';

/**
 * What an error says about the effect of the call that failed: `refused` had none, `unknown` may have one, `miswired` did
 * not get to whom it was for.
 */
export interface Verdict {
  readonly outcome: Failed;
  readonly error: StepError;
  /** What was behind the error, in words, for the log. */
  readonly cause?: string;
}

/**
 * Judges the error of a step or an undo. Only the business's own answer is a refusal. That holds for a plain code without
 * a reason as well: what stands between two services (proxies, another program at the address) answers UNIMPLEMENTED,
 * UNAVAILABLE, PERMISSION_DENIED or UNAUTHENTICATED, so the refusing codes come from a handler of that very method.
 */
export function classify(error: unknown): Verdict {
  const cause = error instanceof Error && error.cause instanceof Error ? withCauses(error.cause) : undefined;
  return { ...judge(error), ...(cause !== undefined && { cause }) };
}

function judge(error: unknown): Verdict {
  if (error instanceof MeshError) return verdict(error.code, error.reason, error.message);
  if (error instanceof ClientError) return verdict(error.code, Status[error.code], error.details);
  return { outcome: 'unknown', error: { reason: 'INTERNAL', message: String(error) } };
}

function verdict(code: Status, reason: string, message: string): Verdict {
  const answer = { code, reason };
  const outcome = isRefusal(answer) ? 'refused' : isMiswired(answer) ? 'miswired' : 'unknown';
  return { outcome, error: { reason, message } };
}

import { ClientError, Status } from 'nice-grpc-common';
import { isMiswired, isRefusal } from '../../errors/codes.ts';
import { withCauses } from '../../errors/error-text.ts';
import { internal } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { requestIdReused } from '../../idempotency/errors.ts';
import { uuidv5, uuidv8At } from '../../ids/ids.ts';
import { currentScope, runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../time/clock.ts';
import type { Failed } from '../decide/decide.ts';
import type { StepCall } from '../decide/decision.ts';
import type { StepError } from '../decide/record.ts';
import { defaultStepTimeoutMs } from '../decide/running-time.ts';
import { stepTimedOut } from '../errors.ts';
import type { AnyDefinition, SagaStep, StepContext } from '../saga.ts';
import type { StoredSaga } from '../store/saga-table.ts';

/** How a call ended. `result` is what the step adds to the data. */
export type StepOutcome = { readonly outcome: 'ok'; readonly result: unknown } | StepVerdict;

/**
 * Calls a step or its undo and classifies how that ended; never rejects. Past the step's time limit, or once `stopped`
 * aborts, the outcome is unknown, even if the step ignores its signal.
 */
export async function callStep(
  definition: AnyDefinition,
  saga: StoredSaga,
  call: StepCall,
  { clock, stopped }: { readonly clock: Clock; readonly stopped: AbortSignal },
): Promise<StepOutcome> {
  const step = definition.steps[call.step];
  if (!step) throw new Error(`the saga ${definition.name} v${definition.version} has no step ${call.step}`);
  const timeoutMs = step.timeoutMs ?? defaultStepTimeoutMs;
  const limit = new AbortController();
  const stop = () => limit.abort(stopped.reason);
  stopped.addEventListener('abort', stop);
  const cancelTimer = clock.after(timeoutMs, () => limit.abort(stepTimedOut({ step: step.name, timeoutMs })));
  const makeId = saga.record.requestIds === 'by-time' ? uuidv8At : uuidv5;
  const requestId = makeId(saga.id, step.name, call.kind);
  const context = { sagaId: saga.id, requestId, signal: limit.signal };
  const scope = {
    requestId,
    traceparent: saga.traceparent,
    deadlineMs: clock.now() + timeoutMs,
    signal: limit.signal,
    caller: currentScope()?.caller,
  };
  try {
    const work = runInScope(scope, () => perform(step, call.kind, saga, context));
    return { outcome: 'ok', result: await Promise.race([work, rejectionOf(limit.signal)]) };
  } catch (error) {
    return classify(error, requestId);
  } finally {
    cancelTimer();
    stopped.removeEventListener('abort', stop);
  }
}

async function perform(
  step: SagaStep<never>,
  kind: StepCall['kind'],
  saga: StoredSaga,
  context: StepContext,
): Promise<unknown> {
  // The saga was begun with the definition of this step, so its data has this step's type.
  const data = saga.data as never;
  if (kind === 'run') return step.run(data, context);
  // Its answer does not become part of the data.
  await step.undo?.(data, context);
  return undefined;
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * What an error says about the effect of the call that failed: `refused` had none, `unknown` may have one, `miswired` did
 * not reach its service.
 */
export interface StepVerdict {
  readonly outcome: Failed;
  readonly error: StepError;
  /** The cause of the error, as text for the log. */
  readonly cause?: string;
}

/**
 * Classifies the error of a step or an undo. Only the answer of the called service is a refusal, even if it is a plain code
 * without a reason: whatever is between two services (a proxy, another program at the address) answers UNIMPLEMENTED,
 * UNAVAILABLE, PERMISSION_DENIED or UNAUTHENTICATED, so the refusing codes come from a handler of that very method.
 *
 * `requestId` is that of the call, which the engine derives. If it belongs to another request, the call has taken
 * effect before, but the called service no longer recognizes it: two versions, or two configurations, do not fit. The
 * business has not refused.
 */
export function classify(error: unknown, requestId?: string): StepVerdict {
  const cause = error instanceof Error && error.cause instanceof Error ? withCauses(error.cause) : undefined;
  const outcome = isReused(error, requestId) ? { outcome: 'miswired' as const } : {};
  return { ...verdictOf(error), ...outcome, ...(cause !== undefined && { cause }) };
}

function isReused(error: unknown, requestId: string | undefined): boolean {
  if (!(error instanceof MeshError) || error.reason !== requestIdReused.reason) return false;
  // Participants in other languages may not say which it was.
  const { requestId: reused = requestId } = error.metadata;
  return reused === requestId;
}

function verdictOf(error: unknown): StepVerdict {
  if (error instanceof MeshError) return verdict(error.code, error.reason, error.message);
  if (error instanceof ClientError) return verdict(error.code, Status[error.code], error.details);
  return { outcome: 'unknown', error: { reason: internal.reason, message: String(error) } };
}

function verdict(code: Status, reason: string, message: string): StepVerdict {
  const answer = { code, reason };
  const outcome = isRefusal(answer) ? 'refused' : isMiswired(answer) ? 'miswired' : 'unknown';
  return { outcome, error: { reason, message } };
}

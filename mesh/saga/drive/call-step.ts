import { uuidv5 } from '../../ids/ids.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../time/clock.ts';
import type { StepCall } from '../decide/decision.ts';
import { defaultStepTimeoutMs } from '../decide/running-time.ts';
import { stepTimedOut } from '../errors.ts';
import type { AnyDefinition, SagaStep, StepContext } from '../saga.ts';
import type { StoredSaga } from '../store/stored-saga.ts';
import { classify, type Verdict } from './classify.ts';

/** How a call ended. `result` is what a step passes on. */
export type StepOutcome = { readonly outcome: 'ok'; readonly result: unknown } | Verdict;

/**
 * Calls a step or its undo and judges how that ended; never rejects. Past the step's time limit, or once `stopped`
 * aborts, the outcome is unknown, whether the step heeds its signal or not.
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
  const callOff = clock.after(timeoutMs, () => limit.abort(stepTimedOut({ step: step.name, timeoutMs })));
  const requestId = uuidv5(saga.id, step.name, call.kind);
  const context = { sagaId: saga.id, requestId, signal: limit.signal };
  const scope = { requestId, traceparent: saga.traceparent, deadlineMs: clock.now() + timeoutMs, signal: limit.signal };
  try {
    const work = runInScope(scope, () => perform(step, call.kind, saga, context));
    return { outcome: 'ok', result: await Promise.race([work, rejectionOf(limit.signal)]) };
  } catch (error) {
    return classify(error);
  } finally {
    callOff();
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

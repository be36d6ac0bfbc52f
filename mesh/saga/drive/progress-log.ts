import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { hasTimedOut, type SagaEvent } from '../decide/decide.ts';
import { stepAt } from '../decide/record.ts';
import type { StoredSaga } from '../store/stored-saga.ts';
import { createFaultLog } from './fault-log.ts';

type FailedCall = Extract<SagaEvent, { readonly step: number; readonly error: unknown }>;

/** Says in the log what becomes of sagas, as far as people want to know. */
export interface ProgressLog {
  /** After `event` was recorded, which made `next` of `saga`. `cause`: what was behind its error, in words. */
  recorded(saga: StoredSaga, next: StoredSaga, event: SagaEvent, cause?: string): void;
  /** When what happened cannot be recorded, or a saga cannot be driven. */
  heldBack(saga: StoredSaga, error: unknown): void;
  /** When not even that can be recorded. */
  notHeldBack(saga: StoredSaga, error: unknown): void;
}

/** Makes the log of an engine. What an operator has to fix comes with growing distance, however many sagas it concerns. */
export function createProgressLog(logger: Logger, clock: Clock): ProgressLog {
  const faults = createFaultLog(logger, clock);
  return {
    recorded(saga, next, event, cause) {
      if ('step' in event && 'error' in event) logFailedCall(saga, next, event, cause);
      if (next.record.state !== saga.record.state) logState(saga, next);
    },
    heldBack(saga, error) {
      const text = 'a saga cannot be recorded or driven; it waits and is tried again, fix what the error names';
      faults.error(`held-back ${saga.name}`, { ...fieldsOf(saga), err: error }, text);
    },
    notHeldBack(saga, error) {
      const text = 'the database does not take that a saga waits; it is kept in memory and tried again';
      faults.error(`not-held-back ${saga.name}`, { ...fieldsOf(saga), err: error }, text);
    },
  };

  function logFailedCall(saga: StoredSaga, next: StoredSaga, event: FailedCall, cause: string | undefined): void {
    if (event.kind === 'step-refused') return;
    const { name: step, attempts, undoAttempts } = stepAt(saga.record, event.step);
    const attempt = event.kind.startsWith('undo') ? undoAttempts : attempts;
    const { waitUntilMs } = next.record;
    const nextAttempt = waitUntilMs === undefined ? undefined : new Date(waitUntilMs).toISOString();
    const tried = { step, attempt, next_attempt: nextAttempt };
    const fields = { ...fieldsOf(saga), event: event.kind, ...tried, ...event.error, cause };
    if (event.kind === 'step-miswired' || event.kind === 'undo-miswired') {
      const text =
        'a step of a saga does not get to its service: this mesh is wired wrongly; fix that, it is tried again';
      faults.error(`${event.kind} ${saga.name} ${step}`, fields, text);
    } else {
      logger.warn(fields, 'a step of a saga did not succeed');
    }
  }

  function logState(saga: StoredSaga, { record }: StoredSaga): void {
    const { state, failure } = record;
    const fields = fieldsOf(saga);
    if (state === 'needs-attention') logger.error(fields, 'a saga is parked; retry or resolve it');
    else if (state === 'completed') logger.debug(fields, 'a saga completed');
    else if (state === 'compensating' || state === 'compensated') {
      const turnsBack = saga.record.state === 'running';
      const text = state === 'compensated' ? 'a saga is undone' : 'a saga turned back: it undoes its steps';
      logger[turnsBack && hasTimedOut(record) ? 'error' : 'info']({ ...fields, failure }, text);
    }
  }
}

function fieldsOf({ name, id, subjectId }: StoredSaga) {
  return { saga: name, saga_id: id, subject_id: subjectId };
}

import type { EventRecord } from '#gen/events/v1/events.ts';
import type { Notification } from '#gen/notification/v1/notification.ts';
import { notificationStateToJSON } from '#gen/notification/v1/notification.ts';
import { type Saga, type SagaStep, sagaStepStateToJSON } from '#gen/ops/v1/ops.ts';

/** A saga step, event or mail of an order. */
export interface Moment {
  /** Undefined for a step that has not started. */
  readonly timeMs: number | undefined;
  readonly kind: 'saga' | 'event' | 'mail';
  readonly what: string;
  readonly detail: string;
}

/**
 * Returns the saga steps, events and mails of an order, sorted by time. Steps that have not started come last. An event that the log has twice, as after a crash
 * between publishing and recording it, is marked.
 */
export function timelineOf(
  saga: Saga,
  events: readonly EventRecord[],
  mails: readonly Notification[],
): readonly Moment[] {
  const seen = new Set<string>();
  const eventMoments = events.map((event) => {
    const isAgain = seen.has(event.id);
    seen.add(event.id);
    return eventMoment(event, isAgain);
  });
  const moments = [...saga.steps.map(stepMoment), ...eventMoments, ...mails.map(mailMoment)];
  return moments.toSorted((one, other) => (one.timeMs ?? notYetMs) - (other.timeMs ?? notYetMs));
}

/** After every time, and finite, so steps that have not started keep their order. */
const notYetMs = Number.MAX_SAFE_INTEGER;

function stepMoment(step: SagaStep): Moment {
  const { name, startTime, endTime, undoStartTime, undoEndTime, attempts, undoAttempts } = step;
  const state = sagaStepStateToJSON(step.state).replace('SAGA_STEP_STATE_', '');
  const ran = [...inTime(startTime, endTime), ...(attempts > 0 ? [attemptsText(attempts)] : [])].join(', ');
  if (undoAttempts === 0) {
    const detail = ran === '' ? state : endTime ? `${state} ${ran}` : `${state}, ${ran}`;
    return { timeMs: startTime?.getTime(), kind: 'saga', what: name, detail };
  }
  const undo = [...inTime(undoStartTime, undoEndTime), attemptsText(undoAttempts)].join(', ');
  const detail = `${state}: ran ${ran}; undo ${undo}`;
  return { timeMs: startTime?.getTime(), kind: 'saga', what: name, detail };
}

function inTime(start: Date | undefined, end: Date | undefined): string[] {
  return start && end ? [`in ${end.getTime() - start.getTime()} ms`] : [];
}

function eventMoment({ time, type, topic, partition, offset }: EventRecord, isAgain: boolean): Moment {
  return {
    timeMs: time?.getTime(),
    kind: 'event',
    what: type,
    detail: `${topic}, partition ${partition}, offset ${offset}${isAgain ? ' (again)' : ''}`,
  };
}

function mailMoment({ updateTime, template, to, state, attempts }: Notification): Moment {
  const outcome = notificationStateToJSON(state).replace('NOTIFICATION_STATE_', '');
  return {
    timeMs: updateTime?.getTime(),
    kind: 'mail',
    what: template,
    detail: `task on email-jobs, ${outcome} to ${to}, ${attemptsText(attempts)}`,
  };
}

/** `1 attempt`, `2 attempts`. */
export function attemptsText(attempts: number): string {
  return `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
}

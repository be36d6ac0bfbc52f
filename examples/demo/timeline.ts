import type { EventRecord } from '#gen/events/v1/events.ts';
import type { Notification } from '#gen/notification/v1/notification.ts';
import { notificationStateToJSON } from '#gen/notification/v1/notification.ts';
import { type Saga, type SagaStep, sagaStepStateToJSON } from '#gen/ops/v1/ops.ts';

/** A saga step, event or mail of an order. */
export interface Moment {
  readonly timeMs: number;
  readonly kind: 'saga' | 'event' | 'mail';
  readonly what: string;
  readonly detail: string;
}

/**
 * Returns the saga steps, events and mails of an order, sorted by time. An event that the log has twice, as after a crash
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
  return moments.toSorted((one, other) => one.timeMs - other.timeMs);
}

function stepMoment(step: SagaStep): Moment {
  const timeMs = timeOf(step.startTime);
  const tookMs = timeOf(step.endTime) - timeMs;
  const state = sagaStepStateToJSON(step.state).replace('SAGA_STEP_STATE_', '');
  return { timeMs, kind: 'saga', what: step.name, detail: `${state} in ${tookMs} ms, ${attemptsText(step.attempts)}` };
}

function eventMoment({ time, type, topic, partition, offset }: EventRecord, isAgain: boolean): Moment {
  return {
    timeMs: timeOf(time),
    kind: 'event',
    what: type,
    detail: `${topic}, partition ${partition}, offset ${offset}${isAgain ? ' (again)' : ''}`,
  };
}

function mailMoment({ updateTime, template, to, state, attempts }: Notification): Moment {
  const outcome = notificationStateToJSON(state).replace('NOTIFICATION_STATE_', '');
  return {
    timeMs: timeOf(updateTime),
    kind: 'mail',
    what: template,
    detail: `task on email-jobs, ${outcome} to ${to}, ${attemptsText(attempts)}`,
  };
}

/** `1 attempt`, `2 attempts`. */
export function attemptsText(attempts: number): string {
  return `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
}

function timeOf(time: Date | undefined): number {
  return time?.getTime() ?? Number.NaN;
}

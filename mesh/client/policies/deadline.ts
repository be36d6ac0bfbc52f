import { noTimeLeft } from '../errors.ts';

/** What a caller may say of the time that a call has, beside nice-grpc's call options. */
export interface DeadlineOptions {
  /** When the answer must be there: a date, or milliseconds since the epoch. Default: the method's time limit from now. */
  readonly deadline?: Date | number;
}

/** The times that bound a call. */
export interface CallTime {
  readonly nowMs: number;
  /** The method's time limit by its contract. */
  readonly timeoutMs: number | undefined;
  /** When the call that this one is made for must be over. */
  readonly scopeDeadlineMs: number | undefined;
}

/**
 * When a call must be over: its own deadline or that of the call it is made for, whichever comes first; `undefined` when
 * there is neither. When no time is left it throws DEADLINE_EXCEEDED `DEADLINE_EXCEEDED`: such a call is not begun.
 */
export function callDeadline(options: DeadlineOptions, time: CallTime): number | undefined {
  const deadlineMs = earlier(ownDeadline(options, time), time.scopeDeadlineMs);
  if (deadlineMs !== undefined && deadlineMs <= time.nowMs) {
    throw noTimeLeft({ lateMs: time.nowMs - deadlineMs });
  }
  return deadlineMs;
}

function ownDeadline({ deadline }: DeadlineOptions, { nowMs, timeoutMs }: CallTime): number | undefined {
  if (deadline !== undefined) return Number(deadline);
  return timeoutMs === undefined ? undefined : nowMs + timeoutMs;
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

import { noTimeLeft } from '../errors.ts';

/** A call option in addition to nice-grpc's. */
export interface DeadlineOptions {
  /** When the response is due: a date, or milliseconds since the epoch. Default: now plus the method's timeout. */
  readonly deadline?: Date | number;
}

/** The times that limit a call. */
export interface CallTime {
  readonly nowMs: number;
  /** The method's timeout, from its contract. */
  readonly timeoutMs: number | undefined;
  /** The deadline of the call that this one is made for. */
  readonly scopeDeadlineMs: number | undefined;
}

/**
 * Returns the deadline of a call: its own or that of the call it is made for, whichever is earlier; `undefined` if there
 * is neither. Throws DEADLINE_EXCEEDED `DEADLINE_EXCEEDED` if no time is left, and a TypeError if its own is not a time.
 */
export function callDeadline(options: DeadlineOptions, time: CallTime): number | undefined {
  const deadlineMs = earlier(ownDeadline(options, time), time.scopeDeadlineMs);
  if (deadlineMs !== undefined && deadlineMs <= time.nowMs) {
    throw noTimeLeft({ lateMs: time.nowMs - deadlineMs });
  }
  return deadlineMs;
}

/** Whether a call has less than half of its method's own timeout, so being late shows nothing about the service. */
export function isHurried(deadlineMs: number | undefined, { nowMs, timeoutMs }: CallTime): boolean {
  return deadlineMs !== undefined && deadlineMs - nowMs < (timeoutMs ?? Number.POSITIVE_INFINITY) / 2;
}

function ownDeadline({ deadline }: DeadlineOptions, { nowMs, timeoutMs }: CallTime): number | undefined {
  if (deadline !== undefined) return timeOf(deadline);
  return timeoutMs === undefined ? undefined : nowMs + timeoutMs;
}

function timeOf(deadline: Date | number): number {
  // A call without an end would follow from it, or one that ends at once.
  if (Number.isNaN(Number(deadline))) throw new TypeError('the deadline of the call is not a time: check its date');
  return Number(deadline);
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

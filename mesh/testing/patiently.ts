import type { CallOptions } from 'nice-grpc';
import type { DeadlineOptions } from '../client/policies/deadline.ts';

/**
 * Options of a call that waits for many others, which takes longer than the method's own deadline on a slow machine. The
 * deadline is a minute from now: give the test more time than that.
 */
export function patiently(): CallOptions & DeadlineOptions {
  return { deadline: Date.now() + 60_000 };
}

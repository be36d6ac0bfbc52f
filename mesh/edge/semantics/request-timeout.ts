import { invalidHeader } from './errors.ts';

/** The header in which a caller says how long it waits, in seconds. */
const header = 'Request-Timeout';

/** More is lowered to this: a caller that waits longer has left. */
export const maxUnaryTimeoutMs = 300_000;
export const maxStreamTimeoutMs = 86_400_000;

/** Ten digits before the point, so the number stays exact in milliseconds. */
const seconds = /^\d{1,10}(?:\.\d{1,6})?$/;

/**
 * Returns the milliseconds of a `Request-Timeout`, at least 1 and at most `maxMs`; `undefined` without one. Throws INVALID_ARGUMENT
 * `INVALID_HEADER` if it is not a decimal number above 0.
 */
export function readRequestTimeout(value: string | undefined, maxMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (!seconds.test(text) || Number(text) === 0) {
    throw invalidHeader(header, 'give seconds as a decimal number above 0, such as 2.5');
  }
  return Math.min(Math.ceil(Number(text) * 1_000), maxMs);
}

import { parseHttpDate } from './http-date.ts';

/**
 * Returns how long a server asks to wait, in milliseconds, by its `Retry-After`: seconds, or a date, which is compared with the
 * server's own `Date` so that no clock has to be right. `undefined` if it asks for nothing, or for something unreadable.
 */
export function readRetryAfter(header: string | undefined, serverDate: string | undefined): number | undefined {
  const text = header?.trim() ?? '';
  // Any number of digits is a time, if need be an infinite one.
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const dateMs = parseHttpDate(text);
  return dateMs === undefined ? undefined : Math.max(0, dateMs - (parseHttpDate(serverDate) ?? Date.now()));
}

/** `Sun, 06 Nov 1994 08:49:37 GMT`, the one date format that RFC 9110 lets servers send. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Returns how long a server asks to wait, in milliseconds, by its `Retry-After`: seconds, or a date, which is compared with the
 * server's own `Date` so that no clock has to be right. `undefined` if it asks for nothing, or for something unreadable.
 */
export function readRetryAfter(header: string | undefined, serverDate: string | undefined): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  if (!httpDate.test(text)) return undefined;
  const sentMs = serverDate !== undefined && httpDate.test(serverDate) ? Date.parse(serverDate) : Date.now();
  const delayMs = Date.parse(text) - sentMs;
  return Number.isNaN(delayMs) ? undefined : Math.max(0, delayMs);
}

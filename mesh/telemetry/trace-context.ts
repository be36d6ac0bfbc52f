import { randomFillSync } from 'node:crypto';

const format = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/;
const random = Buffer.alloc(4096);
let used = random.length;

/**
 * Returns the `traceparent` of the work for a call (W3C Trace Context): the caller's trace with a new span, or a new trace if
 * the caller sent no valid one.
 */
export function continueTrace(callers: string | undefined): string {
  const match = callers === undefined ? null : format.exec(callers);
  return match ? `00-${match[1]}-${randomHex(8)}-${match[2]}` : `00-${randomHex(16)}-${randomHex(8)}-01`;
}

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += bytes;
  return random.toString('hex', used - bytes, used);
}

import { uuidv7 } from '../ids/ids.ts';

/** The field that identifies a call: in logs, in the calls that it causes, and in its response. */
export const requestIdKey = 'x-request-id';

/** Returns the caller's request id if it is 1 to 128 visible ASCII characters, because it is logged; else a new UUIDv7. */
export function requestIdOf(callers: string | undefined): string {
  return callers !== undefined && /^[\x21-\x7e]{1,128}$/.test(callers) ? callers : uuidv7();
}

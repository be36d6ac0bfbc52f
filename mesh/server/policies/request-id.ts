import { uuidv7 } from '../../ids/ids.ts';

/** The metadata key by which a caller names its request. */
export const requestIdKey = 'x-request-id';

/** The caller's request id when it is 1 to 128 visible ASCII characters, else a new UUIDv7: it goes into logs as it is. */
export function requestIdOf(callers: string | undefined): string {
  return callers !== undefined && /^[\x21-\x7e]{1,128}$/.test(callers) ? callers : uuidv7();
}

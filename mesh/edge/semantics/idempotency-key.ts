import { isUuid } from '../../contract/formats.ts';
import { uuidv5 } from '../../ids/ids.ts';
import { invalidHeader } from './errors.ts';

/** The header that identifies a change, in the draft of the HTTPAPI working group. */
export const idempotencyKeyHeader = 'Idempotency-Key';

/** A string of structured fields (RFC 9651): visible ASCII and spaces in quotes, in which `\` escapes. */
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
/** The same without quotes. A comma would be a second header. */
const bare = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/;
const maxLength = 255;

/**
 * Returns the `request_id` that an `Idempotency-Key` stands for. A UUID is one itself, in lower case. Any other key of 1 to 255
 * characters becomes a UUIDv5 of the method and the key: the same on every gateway, and another one for another method. Quotes
 * around a key are not part of it. Throws INVALID_ARGUMENT `INVALID_HEADER`.
 */
export function requestIdOfKey(value: string, path: string): string {
  const key = readKey(value.trim());
  return isUuid(key) ? key.toLowerCase() : uuidv5('idempotency-key', path, key);
}

function readKey(text: string): string {
  const [, inner] = quoted.exec(text) ?? [];
  const key = inner === undefined ? text : inner.replaceAll(/\\(.)/g, '$1');
  const isValid = inner !== undefined || bare.test(text);
  if (!isValid || key.length === 0 || key.length > maxLength) {
    throw invalidHeader(
      idempotencyKeyHeader,
      `give one UUID or one string of 1 to ${maxLength} visible ASCII characters`,
    );
  }
  return key;
}

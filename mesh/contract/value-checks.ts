import type { FieldViolation } from './contract.ts';

/** Validates a message without rules, which is always valid. */
export function noRules(): FieldViolation[] {
  return [];
}

/** Prefixes the field of each violation from index `from` on. */
export function prefixFields(violations: FieldViolation[], from: number, prefix: string): void {
  const nested = violations.splice(from);
  for (const { field, description } of nested) violations.push({ field: `${prefix}.${field}`, description });
}

/** Counts the characters of a string as protobuf does: code points, not UTF-16 units. */
export function countCodePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length - 1; index += 1) {
    if (isHighSurrogate(text.charCodeAt(index)) && isLowSurrogate(text.charCodeAt(index + 1))) count -= 1;
  }
  return count;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Whether a string has a NUL (U+0000). A wrapper in a list or map may be unset. */
export function hasNul(text: string | undefined): boolean {
  return text?.includes('\0') ?? false;
}

/** Whether a string has fewer than `minLength` code points. */
export function isShorter(text: string, minLength: number): boolean {
  // A code point takes one or two units, so most lengths decide without counting.
  return text.length < minLength || (text.length < 2 * minLength && countCodePoints(text) < minLength);
}

/** Whether a string has more than `maxLength` code points. */
export function isLonger(text: string, maxLength: number): boolean {
  return text.length > maxLength && (text.length > 2 * maxLength || countCodePoints(text) > maxLength);
}

/** Whether the items of a list of scalars are unique. Bytes are compared by content; a NaN equals nothing. */
export function isUnique(items: readonly unknown[]): boolean {
  const seen = new Set(items.map((item) => (item instanceof Uint8Array ? Buffer.from(item).toString('latin1') : item)));
  const nans = items.filter(Number.isNaN).length;
  return seen.size + Math.max(0, nans - 1) === items.length;
}

/** Returns the length of a duration in nanoseconds. */
export function nanoseconds({ seconds, nanos }: { seconds: bigint; nanos: number }): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}

/** Returns the field path of an entry of a map with string keys: `["key"]`. */
export function quoteKey(key: string): string {
  return `["${key.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"]`;
}

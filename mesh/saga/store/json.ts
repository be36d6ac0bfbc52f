/** Writes JSON that keeps `bigint`, as `{"$bigint":"42"}`. Throws for values that would be read back differently. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, replace);
}

/** Reads what `toJson` wrote. Its objects and arrays are frozen. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, revive);
}

// `this[key]` is the value before toJSON, by which a Date would have become a string already.
function replace(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  const original = (this as Record<string, unknown>)[key];
  if (original === null || typeof original !== 'object') return value;
  if (Array.isArray(original) || isPlain(original)) return value;
  throw new TypeError(
    `saga data holds a ${original.constructor.name} at "${key}": use plain objects, arrays and bigint`,
  );
}

function revive(_key: string, value: unknown): unknown {
  return isTagged(value) ? BigInt(value.$bigint) : Object.freeze(value);
}

/** Whether `toJson` writes an object by its fields. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('$bigint' in value);
}

function isTagged(value: unknown): value is { readonly $bigint: string } {
  return typeof value === 'object' && value !== null && '$bigint' in value;
}

import { isPlain } from './json.ts';

/**
 * Copies plain objects and arrays, with all that is in them, and freezes the copies. What `toJson` refuses stays as it is.
 */
export function frozenCopy<T>(value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => frozenCopy(item))) as T;
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, frozenCopy(item)] as const);
  return Object.freeze(Object.fromEntries(entries)) as T;
}

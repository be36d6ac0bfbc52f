import type { SqlValue } from './storage.ts';

/**
 * Placeholders and parameters for `IN (...)`. The list is padded to a power of two by repeating its last value, so that
 * lists of every length share few prepared statements. It must not be empty.
 */
export function paddedList<Value extends SqlValue>(
  values: readonly Value[],
): { readonly placeholders: string; readonly params: readonly Value[] } {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  const params = [...values, ...Array.from({ length: length - values.length }, () => values.at(-1) as Value)];
  return { placeholders: params.map((_, index) => `$${index + 1}`).join(', '), params };
}

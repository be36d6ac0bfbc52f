import { vi } from 'vitest';

/** Asks again until `check` does not throw, and resolves with what it found. Gives up after 10 s. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 10_000, interval: 10 });
}

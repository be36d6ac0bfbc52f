import { vi } from 'vitest';

/**
 * Retries `check` until it does not throw, and returns its result. Throws the last error after `timeoutMs`.
 * timeoutMs is the maximum time to wait. Default: 10 s.
 * intervalMs is the wait between two attempts. Default: 10 ms.
 */
export function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 10 }: { readonly timeoutMs?: number; readonly intervalMs?: number } = {},
): Promise<T> {
  return vi.waitFor(check, { timeout: timeoutMs, interval: intervalMs });
}

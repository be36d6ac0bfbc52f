import type { Dialect } from './storage.ts';

/**
 * Ends a subquery that selects rows to change. Processes that share a database then select different rows, so they neither wait
 * for each other nor deadlock. SQLite has one writer at a time.
 */
export function skipLocked({ dialect }: { readonly dialect: Dialect }): '' | 'FOR UPDATE SKIP LOCKED' {
  return dialect === 'sqlite' ? '' : 'FOR UPDATE SKIP LOCKED';
}

import type { Clock } from '../../time/clock.ts';
import type { Row } from '../storage.ts';
import { noteSeen } from './seen-times.ts';

/** Runs a statement with whole numbers as parameters, and commits it. */
export type WriteOnce = (sql: string, params: readonly (number | null)[]) => Promise<readonly Row[]>;

/**
 * Makes the `check` of a storage: one small write, which shows that the database accepts changes and records the clock and how
 * far the rows have aged. Concurrent calls share one check.
 */
export function createWriteCheck(write: WriteOnce, clock: Clock): () => Promise<void> {
  let aged: { readonly startMs: number; readonly startElapsedMs: number } | undefined;
  let inProgress: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    const elapsedMs = clock.elapsedMs();
    const agedToMs = aged === undefined ? null : Math.floor(aged.startMs + elapsedMs - aged.startElapsedMs);
    const [row] = await write(noteSeen, [Math.floor(clock.now()), agedToMs]);
    if (row?.aged_to_ms != null) aged ??= { startMs: Number(row.aged_to_ms), startElapsedMs: elapsedMs };
  };
  return () => {
    inProgress ??= check().finally(() => {
      inProgress = undefined;
    });
    return inProgress;
  };
}

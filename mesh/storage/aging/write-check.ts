import type { Clock } from '../../time/clock.ts';
import type { Row } from '../storage.ts';
import { noteSeen } from './seen-times.ts';

/** Runs a statement that takes whole numbers, and commits it. */
export type WriteOnce = (sql: string, params: readonly (number | null)[]) => Promise<readonly Row[]>;

/**
 * The `check` of a storage: one small write, which shows that the database takes changes, and notes what the clock shows and
 * how far the rows have aged. Calls that come while one is under way share it.
 */
export function createWriteCheck(write: WriteOnce, clock: Clock): () => Promise<void> {
  let aged: { readonly startMs: number; readonly startElapsedMs: number } | undefined;
  let underWay: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    const elapsedMs = clock.elapsedMs();
    const agedToMs = aged === undefined ? null : Math.floor(aged.startMs + elapsedMs - aged.startElapsedMs);
    const [row] = await write(noteSeen, [Math.floor(clock.now()), agedToMs]);
    if (row?.aged_to_ms != null) aged ??= { startMs: Number(row.aged_to_ms), startElapsedMs: elapsedMs };
  };
  return () => {
    underWay ??= check().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

import type { Clock } from '../telemetry/clock.ts';
import { noteSeen } from './probe-table.ts';
import type { Row } from './storage.ts';

/**
 * The `check` of a storage: one small write, which shows that the database takes changes, and notes what the clock shows and
 * how far the rows have aged. `write` runs a statement and commits it. Calls that come while one is under way share it.
 */
export function createWriteCheck(write: (sql: string) => Promise<readonly Row[]>, clock: Clock): () => Promise<void> {
  let aged: { readonly startMs: number; readonly startElapsedMs: number } | undefined;
  let underWay: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    const elapsedMs = clock.elapsedMs();
    const agedToMs = aged && aged.startMs + elapsedMs - aged.startElapsedMs;
    const [row] = await write(noteSeen(clock.now(), agedToMs));
    aged ??= { startMs: Number(row?.aged_to_ms), startElapsedMs: elapsedMs };
  };
  return () => {
    underWay ??= check().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

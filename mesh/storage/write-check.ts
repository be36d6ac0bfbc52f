import type { Clock } from '../telemetry/clock.ts';
import { noteSeen, seenTimes } from './probe-table.ts';
import type { Storage } from './storage.ts';

/**
 * The `check` of a storage: one small write, by `write`, which shows that the database takes changes, and notes what the
 * clock shows and how far the rows have aged. Calls that come while one is under way share it.
 */
export function createWriteCheck(
  query: Storage['query'],
  write: (sql: string) => Promise<void>,
  clock: Clock,
): () => Promise<void> {
  let aged: { readonly startMs: number; readonly startElapsedMs: number } | undefined;
  let underWay: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    if (aged === undefined) {
      const { agedToMs } = await seenTimes({ query });
      aged = { startMs: agedToMs ?? clock.now(), startElapsedMs: clock.elapsedMs() };
    }
    await write(noteSeen(clock.now(), aged.startMs + clock.elapsedMs() - aged.startElapsedMs));
  };
  return () => {
    underWay ??= check().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

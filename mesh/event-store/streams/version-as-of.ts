import type { Queryable } from '../../storage/storage.ts';

/**
 * The version that a stream was at at a time, in milliseconds since the epoch; 0: before its first event. For streams whose
 * times never go back: it halves the versions up to `lastVersion` until it has found it, some 20 point reads of a million.
 */
export async function versionAsOf(db: Queryable, stream: string, lastVersion: bigint, timeMs: number): Promise<bigint> {
  let [low, high] = [0n, lastVersion];
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    const [row] = await db.query<{ time_ms: bigint }>('SELECT time_ms FROM event WHERE stream = $1 AND version = $2', [
      stream,
      middle,
    ]);
    if (row !== undefined && row.time_ms <= BigInt(timeMs)) low = middle;
    else high = middle - 1n;
  }
  return low;
}

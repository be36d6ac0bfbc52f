import { yieldToCalls } from '../../time/yield-to-event-loop.ts';
import type { Connection } from './connection.ts';
import type { GroupCommit } from './group-commit.ts';

/** SQLite's `auto_vacuum = INCREMENTAL`. */
const incremental = 2n;
// What is written next uses free pages, so some are kept: 10 MiB, or a quarter of the file.
const minKeptPages = 2_560;
const keptShare = 4;
// A slice takes about a millisecond, without the disk.
const pagesPerSlice = 64;
const slicesPerRun = 4;

/**
 * Returns a function that gives some free pages of the file back to the disk, in slices that let calls through: 1 MiB a run.
 * A file that an earlier version created keeps its free pages until it is compacted while no process uses it.
 */
export function createPageRelease(
  connection: Connection,
  writer: Pick<GroupCommit, 'run'>,
  isClosing: () => boolean,
): () => Promise<void> {
  const read = (pragma: string): number =>
    Number(connection.rows(`SELECT ${pragma} AS value FROM pragma_${pragma}`, [])[0]?.value);
  const releases = BigInt(read('auto_vacuum')) === incremental;
  return async () => {
    if (!releases) return;
    for (let slice = 0; slice < slicesPerRun; slice += 1) {
      if (isClosing()) return;
      const kept = Math.max(minKeptPages, read('page_count') / keptShare);
      if (read('freelist_count') <= kept) return;
      // It may be undone by a crash of the machine, so it does not wait for the disk.
      await writer.run((tx) => tx.script(`PRAGMA incremental_vacuum(${pagesPerSlice})`), undefined, false);
      await yieldToCalls();
    }
  };
}

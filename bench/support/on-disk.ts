import { statfs } from 'node:fs/promises';

// What Linux calls tmpfs.
const inMemory = 0x01021994;

/** Says so when a folder lies in memory, where nothing is durable and all of it is faster than it should be. */
export async function warnUnlessOnDisk(folder: string): Promise<void> {
  if ((await statfs(folder)).type !== inMemory) return;
  console.error(`\n!!! ${folder} LIES IN MEMORY: set TMPDIR to a folder on a disk, or the figures are too good.\n`);
}

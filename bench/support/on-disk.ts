import { statfs } from 'node:fs/promises';

// The magic number of tmpfs.
const tmpfsMagic = 0x01021994;

/** Warns if a folder is on tmpfs, where nothing is durable and everything is too fast. */
export async function warnUnlessOnDisk(folder: string): Promise<void> {
  if ((await statfs(folder)).type !== tmpfsMagic) return;
  console.error(`\n!!! ${folder} IS IN MEMORY, so the figures will be too good. Set TMPDIR to a folder on a disk.\n`);
}

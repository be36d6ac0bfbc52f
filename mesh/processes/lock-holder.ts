import { realpathSync, statSync } from 'node:fs';
import { describeProcess, processesWith, readProc } from './proc.ts';

/** Names the process that has a lock on a file, as in `process 123 (node)`. Undefined if the system does not say. */
export function describeLockHolder(file: string): string | undefined {
  const inode = `${statSync(file).ino}`;
  const holders = readProc('locks')
    .split('\n')
    .map((line) => /(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line))
    .filter((found) => found?.[2] === inode)
    .map((found) => Number(found?.[1]));
  // The same inode number may exist in another file system.
  const open = processesWith(realpathSync(file));
  const pid = holders.find((holder) => open.includes(holder));
  return pid === undefined ? undefined : describeProcess(pid);
}

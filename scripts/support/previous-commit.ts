import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Returns the commit to upgrade from: `PREVIOUS`, else the last tag. Undefined if there is neither. Throws if the repository
 * has no such commit.
 */
export async function previousCommit(root: string, wanted: string | undefined): Promise<string | undefined> {
  const git = (...args: string[]) => run('git', args, { cwd: root }).then(({ stdout }) => stdout.trim());
  if (wanted) {
    return await git('rev-parse', '--verify', '--short', `${wanted}^{commit}`).catch(() => {
      throw new Error(`commit ${wanted} not found: set PREVIOUS to one of this repository, or fetch its history`);
    });
  }
  return await git('describe', '--tags', '--abbrev=0').catch(() => undefined);
}

/** Writes the files of a commit to `folder`, which is replaced. */
export async function checkOutTree(root: string, commit: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, folder], { cwd: root });
}

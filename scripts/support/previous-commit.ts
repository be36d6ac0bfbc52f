import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { messageOf } from '../../mesh/errors/error-text.ts';

const run = promisify(execFile);

/**
 * Returns the commit to upgrade from: `PREVIOUS`, else the last tag. Undefined if there is neither. Throws if the repository
 * has no such commit, or cannot be read.
 */
export async function previousCommit(root: string, wanted: string | undefined): Promise<string | undefined> {
  const git = (...args: string[]) => run('git', args, { cwd: root }).then(({ stdout }) => stdout.trim());
  // Also fails without a repository, where neither a commit nor a tag is what is missing.
  const tags = await git('tag', '--merged', 'HEAD').catch((error: { readonly stderr?: string }) => {
    throw new Error(`git cannot read the tags of ${root}: ${error.stderr?.trim() || messageOf(error)}`);
  });
  if (wanted) {
    return await git('rev-parse', '--verify', '--short', `${wanted}^{commit}`).catch(() => {
      throw new Error(`commit ${wanted} not found: set PREVIOUS to one of this repository, or fetch its history`);
    });
  }
  return tags === '' ? undefined : await git('describe', '--tags', '--abbrev=0');
}

/** Writes the files of a commit to `folder`, which is replaced. */
export async function checkOutTree(root: string, commit: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, folder], { cwd: root });
}

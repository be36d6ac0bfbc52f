import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkOutTree, previousCommit } from '../support/previous-commit.ts';
import type { DockerEngine } from './engine.ts';

/**
 * Builds the image of the release before: of the commit that PREVIOUS names, else of the last tag. Without either it is the
 * image of this tree under another tag. Returns which.
 */
export async function buildPrevious(
  { docker }: DockerEngine,
  folder: string,
  image: string,
  previous: string,
): Promise<string> {
  const commit = await previousCommit('.', process.env.PREVIOUS);
  if (commit === undefined) {
    await docker('tag', image, previous);
    return 'this tree under another tag: there is no tag of a release, and PREVIOUS names no commit';
  }
  const context = resolve(folder, 'previous');
  await checkOutTree('.', commit, context);
  // Commits from before there was an image have none of these.
  for (const file of ['.dockerignore', 'deploy/Dockerfile', 'deploy/health.ts'])
    await cp(file, join(context, file), { force: false });
  await docker('build', '-q', '--network', 'host', '-f', join(context, 'deploy/Dockerfile'), '-t', previous, context);
  return commit;
}

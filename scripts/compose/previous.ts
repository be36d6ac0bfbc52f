import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DockerEngine } from './engine.ts';

const run = promisify(execFile);

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
  const commit = process.env.PREVIOUS || (await lastTag());
  if (commit === undefined) {
    await docker('tag', image, previous);
    return 'this tree under another tag: there is no tag of a release, and PREVIOUS names no commit';
  }
  const context = join(folder, 'previous');
  await rm(context, { recursive: true, force: true });
  await mkdir(context, { recursive: true });
  await run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, context]);
  // Commits from before there was an image have none of these.
  for (const file of ['.dockerignore', 'deploy/Dockerfile', 'deploy/health.ts'])
    await cp(file, join(context, file), { force: false });
  await docker('build', '-q', '--network', 'host', '-f', join(context, 'deploy/Dockerfile'), '-t', previous, context);
  return commit;
}

async function lastTag(): Promise<string | undefined> {
  return await run('git', ['describe', '--tags', '--abbrev=0']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

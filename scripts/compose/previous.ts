import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkOutTree, previousCommit } from '../support/previous-commit.ts';
import type { DockerEngine } from './engine.ts';

/** The release that a mesh is upgraded from. */
export interface Previous {
  /** Its commit, or why there is none. */
  readonly name: string;
  /** The file that its containers are started with: a later one may have settings that it does not know. */
  readonly composeFile: string;
}

/**
 * Builds the image of the release before: of the commit that PREVIOUS names, else of the last tag. Without either it is the
 * image of this tree under another tag. Throws if that commit has no image.
 */
export async function buildPrevious(
  { docker }: DockerEngine,
  folder: string,
  image: string,
  previous: string,
): Promise<Previous> {
  const commit = await previousCommit('.', process.env.PREVIOUS);
  if (commit === undefined) {
    await docker('tag', image, previous);
    return {
      name: 'this tree under another tag: there is no tag of a release, and PREVIOUS names no commit',
      composeFile: 'docker-compose.yml',
    };
  }
  const context = resolve(folder, 'previous');
  await checkOutTree('.', commit, context);
  const dockerfile = join(context, 'deploy/Dockerfile');
  if (!existsSync(dockerfile)) throw new Error(`${commit} has no deploy/Dockerfile: set PREVIOUS to a later commit`);
  await docker('build', '-q', '--network', 'host', '-f', dockerfile, '-t', previous, context);
  return { name: commit, composeFile: join(context, 'docker-compose.yml') };
}

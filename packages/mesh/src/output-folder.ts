import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { messageOf } from '../../../mesh/errors/error-text.ts';
import { descriptorsIn } from '../../../scripts/gen/derive.ts';
import { UnrestoredError } from '../../../scripts/gen/swap-entries.ts';

/**
 * Returns the real path of a folder that may be replaced as a whole: one that is not there yet, is empty, or was generated.
 * Throws if it is another one, or has one of the `inputs` in it.
 */
export async function replaceableFolder(folder: string, inputs: readonly string[]): Promise<string> {
  if (!existsSync(folder)) return folder;
  const path = await realpath(folder);
  if (!(await stat(path)).isDirectory()) throw new Error(`${folder} is a file: name a folder`);
  for (const input of inputs) {
    if (!isWithin(await realpath(input), path)) continue;
    throw new Error(`${folder} has ${input} in it, and would be replaced: name a folder for generated code alone`);
  }
  if ((await readdir(path)).length === 0 || existsSync(descriptorsIn(path))) return path;
  throw new Error(
    `${folder} has files that were not generated, as there is no ${descriptorsIn(folder)}: empty it, or name another folder`,
  );
}

/** Puts a copy of `fresh` in the place of `folder`. If that fails, `folder` is as it was. Throws an UnrestoredError if it is not. */
export async function replaceFolder(folder: string, fresh: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  // On the same file system, so the copy can be renamed into place.
  const beside = await mkdtemp(join(dirname(folder), '.ordermesh-generate-'));
  const next = join(beside, 'next');
  const previous = join(beside, 'previous');
  try {
    await cp(fresh, next, { recursive: true });
    if (existsSync(folder)) await rename(folder, previous);
    await rename(next, folder);
  } catch (error) {
    if (existsSync(previous)) {
      await rename(previous, folder).catch((failure: unknown) => {
        const left = `${folder} could not be moved back from ${previous}: ${messageOf(failure)}`;
        throw new UnrestoredError(`${messageOf(error)}; ${left}`);
      });
    }
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
  await rm(beside, { recursive: true, force: true }).catch((error: unknown) => {
    console.error(`${beside} has what was generated before, and could not be removed: ${messageOf(error)}`);
  });
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

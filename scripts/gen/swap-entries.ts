import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';

/** The entries could neither be replaced nor put back. */
export class UnrestoredError extends Error {
  override readonly name = 'UnrestoredError';
}

/**
 * Replaces the entries `names` of a folder by all that `fresh` has, and moves them to `aside`. If that fails, the folder is as it
 * was. All three folders are on one file system. Throws an UnrestoredError if the entries cannot be put back either.
 */
export async function swapEntries(
  folder: string,
  { names, fresh, aside }: { readonly names: readonly string[]; readonly fresh: string; readonly aside: string },
): Promise<void> {
  const moved: (readonly [from: string, to: string])[] = [];
  const move = async (from: string, to: string) => {
    await rename(from, to);
    moved.push([from, to]);
  };
  try {
    for (const name of names) await move(join(folder, name), join(aside, name));
    for (const name of await readdir(fresh)) await move(join(fresh, name), join(folder, name));
  } catch (error) {
    for (const [from, to] of moved.toReversed()) {
      await rename(to, from).catch((failure: unknown) => {
        throw new UnrestoredError(`${messageOf(error)}; ${to} could not be moved back: ${messageOf(failure)}`);
      });
    }
    throw error;
  }
}

import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';

/** The entries could neither be replaced nor put back. */
export class UnrestoredError extends Error {
  override readonly name = 'UnrestoredError';
}

/**
 * Replaces the entries `names` of a folder by all that `fresh` has, and moves them to `previous`. If that fails, the folder is as it
 * was. All three folders are on one file system. Throws an UnrestoredError if some cannot be put back either; the
 * others are.
 */
export async function swapEntries(
  folder: string,
  { names, fresh, previous }: { readonly names: Iterable<string>; readonly fresh: string; readonly previous: string },
): Promise<void> {
  const moved: (readonly [from: string, to: string])[] = [];
  const move = async (from: string, to: string) => {
    await rename(from, to);
    moved.push([from, to]);
  };
  try {
    for (const name of names) await move(join(folder, name), join(previous, name));
    for (const name of await readdir(fresh)) await move(join(fresh, name), join(folder, name));
  } catch (error) {
    const failures: string[] = [];
    for (const [from, to] of moved.toReversed()) {
      await rename(to, from).catch((failure: unknown) => {
        failures.push(`${to} could not be moved back: ${messageOf(failure)}`);
      });
    }
    if (failures.length === 0) throw error;
    throw new UnrestoredError([messageOf(error), ...failures].join('; '));
  }
}

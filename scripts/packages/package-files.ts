import { access, glob } from 'node:fs/promises';
import { join } from 'node:path';

/** Returns the paths of all files in the folder. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(glob('**/*', { cwd: folder, withFileTypes: true }));
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Those of the paths that are not in the folder, or point out of it. */
export async function missingFiles(folder: string, paths: readonly string[]): Promise<string[]> {
  const missing = await Promise.all(
    paths.map(async (path) => {
      if (path.startsWith('..')) return [path];
      return await access(join(folder, path)).then(
        () => [],
        () => [path],
      );
    }),
  );
  return missing.flat();
}

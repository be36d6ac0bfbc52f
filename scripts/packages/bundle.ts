import { glob, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Puts the modules of a built package into one file for each of its entry points, and files in `dist/shared` for what several
 * entry points use. Names and descriptions stay, and declarations stay in their places. `entries` are paths of modules in
 * `folder`.
 */
export async function bundle(folder: string, entries: readonly string[]): Promise<void> {
  await using bundled = await rolldown({
    cwd: folder,
    input: Object.fromEntries(entries.map((path) => [path.replace(/\.js$/, ''), join(folder, path)])),
    // npm packages and `node:` modules stay imports.
    external: (id) => !/^[./]/.test(id),
    platform: 'node',
    onLog(_, { message }) {
      throw new Error(`the modules in ${folder} cannot be bundled: ${message}`);
    },
  });
  const modules = await Array.fromAsync(glob('**/*.js', { cwd: folder }));
  const files = { dir: folder, entryFileNames: '[name].js', chunkFileNames: 'dist/shared/[name].js' };
  const { output } = await bundled.write({ ...files, format: 'esm', minify: false });
  const written = new Set(output.map(({ fileName }) => fileName));
  await Promise.all(modules.filter((path) => !written.has(path)).map((path) => rm(join(folder, path))));
}

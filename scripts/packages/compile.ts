import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

/**
 * Compiles the sources, and what they import, to JavaScript and declarations in `folder`, which is below `root`, in the
 * places that they have below `root`. Throws with the messages of tsc.
 *
 * There are no source maps: tsc removes types and keeps lines and comments, so the output reads like the source.
 */
export async function compile(root: string, folder: string, sources: readonly string[]): Promise<void> {
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    rootDir: root,
    outDir: folder,
  };
  const fromConfig = (path: string) => relative(folder, join(root, path));
  const content = {
    extends: fromConfig('tsconfig.json'),
    compilerOptions,
    include: [],
    files: sources.map(fromConfig),
  };
  await writeFile(config, JSON.stringify(content));
  const run = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', config], { cwd: root });
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
  const errors = stdout.split('\n').filter((line) => line.trim() !== '' && !line.includes(aliasNotRewritten));
  if (errors.length > 0) throw new Error(`the packages do not compile:\n${errors.join('\n')}`);
}

/** tsc emits these imports unchanged: those of `#gen/…`. `readModule` rewrites them. */
const aliasNotRewritten = ': error TS2877: ';

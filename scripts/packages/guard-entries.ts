import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { Manifest } from './manifest.ts';

/** What checks the version of Node, as a package has it: without imports. */
export const nodeCheck = 'mesh/errors/check-node.js';

/**
 * Writes a module to `folder`, `guarded/<path>`, for each of the modules at `paths`: it checks the version of Node, loads that
 * module and exports the same. An older Node cannot link the modules themselves, and its errors do not say why. Returns `exports`
 * with these modules in place of those.
 */
export async function guardEntries(
  folder: string,
  { name, engines, exports = {} }: Manifest,
  paths: readonly string[],
): Promise<NonNullable<Manifest['exports']>> {
  const guarded = await Promise.all(
    Object.entries(exports).map(async ([key, target]) => {
      if (typeof target === 'string' || !paths.includes(target.default)) return [key, target];
      const names = exportedNames(await readFile(join(folder, target.default), 'utf8'));
      const path = join('guarded', target.default);
      const relative = (to: string) => posix.relative(posix.dirname(path), to);
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(
        join(folder, path),
        `import { checkNode } from '${relative(nodeCheck)}';

checkNode('${name}', '${engines.node.replace('>=', '')}');
export const {
${names.map((each) => `  ${each},\n`).join('')}} = await import('${relative(target.default)}');
`,
      );
      return [key, { ...target, default: `./${path}` }];
    }),
  );
  return Object.fromEntries(guarded);
}

/** Returns the names that a compiled module exports, as lists (`export { name, other as name };`) or constants. */
function exportedNames(text: string): string[] {
  const exports = [...text.matchAll(/^export (?:\{(?<list>[^}]*)\}|const (?<constant>\w+)|(?<other>.*))/gm)];
  return exports.flatMap(({ groups: { list, constant, other } = {} }) => {
    if (other !== undefined)
      throw new Error(`a module that is guarded has to export lists or constants, not "${other}"`);
    const names =
      constant === undefined ? (list ?? '').split(',').map((item) => item.trim().replace(/^.* as /, '')) : [constant];
    return names.filter((name) => name !== '');
  });
}

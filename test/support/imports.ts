import { glob, readFile } from 'node:fs/promises';
import { dirname, posix } from 'node:path';

/** One import of a source file. Paths are relative to the tree's root, with `/`. */
export interface Import {
  readonly file: string;
  /** Where the statement names what it imports, from 1. */
  readonly line: number;
  /** The imported file, or the package without what is below it: `mesh/ids/ids.ts`, `pg`, `node:fs`. */
  readonly target: string;
  readonly isPackage: boolean;
  /** The names of what it imports to run, types left out; `*` for all of a module. */
  readonly values: readonly string[];
}

const statement =
  /(?:^(?:import|export)\s(?<clause>[\s\w{},*$]*?)\bfrom\s*|^import\s*|(?<![.\w])import\(\s*)(['"])(?<specifier>[^'"\n]+)\2/gm;

/** Every import of the TypeScript files below these folders of `root`, type imports included, in file order. */
export async function readImports(root: string, folders: readonly string[]): Promise<Import[]> {
  const files: string[] = [];
  for await (const file of glob(`{${folders.join(',')}}/**/*.ts`, { cwd: root }))
    files.push(file.replaceAll('\\', '/'));
  const imports = await Promise.all(files.sort().map((file) => importsOf(root, file)));
  return imports.flat();
}

async function importsOf(root: string, file: string): Promise<Import[]> {
  const text = await readFile(`${root}/${file}`, 'utf8');
  return [...text.matchAll(statement)].map((match) => {
    const line = text.slice(0, match.index + match[0].length).split('\n').length;
    const { clause, specifier = '' } = match.groups ?? {};
    return { file, line, ...resolve(file, specifier), values: valuesOf(clause) };
  });
}

/** The values among the names of `{ a, type B, c as d }`, `type { A }`, `* as all` or `one`. */
function valuesOf(clause: string | undefined): string[] {
  if (clause === undefined || clause.includes('*')) return ['*'];
  if (/^type\s/.test(clause)) return [];
  const names = clause.split(/[{},]/).map((name) => name.trim());
  return names.filter((name) => name !== '' && !name.startsWith('type ')).map((name) => name.replace(/\s.*/s, ''));
}

function resolve(file: string, specifier: string): Pick<Import, 'target' | 'isPackage'> {
  const aliased = aliasOf(specifier);
  if (aliased !== undefined) return { target: aliased, isPackage: false };
  if (specifier.startsWith('.')) return { target: posix.join(dirname(file), specifier), isPackage: false };
  const depth = specifier.startsWith('@') ? 2 : 1;
  return {
    target: specifier.startsWith('node:') ? specifier : specifier.split('/').slice(0, depth).join('/'),
    isPackage: true,
  };
}

/** What the `imports` of package.json make of a specifier. */
function aliasOf(specifier: string): string | undefined {
  if (specifier === '#mesh') return 'mesh/index.ts';
  if (specifier === '#mesh/testing') return 'mesh/testing/index.ts';
  return specifier.startsWith('#gen/') ? `gen/ts/${specifier.slice('#gen/'.length)}` : undefined;
}

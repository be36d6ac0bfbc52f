import { isBuiltin } from 'node:module';
import { dirname, posix } from 'node:path';

/** What a compiled module, or a declaration, needs. */
export interface Needs {
  /** Modules of the same tree, by path from its root. */
  readonly modules: readonly string[];
  /** Files that it reads, by path from the root; whether they exist or not. */
  readonly files: readonly string[];
  /** npm packages, by name, and `node:` modules. */
  readonly packages: readonly string[];
  /** The text, with the specifiers of modules relative and ending in `.js`. */
  readonly text: string;
}

/** The `imports` of a package.json. */
export type Aliases = Readonly<Record<string, string>>;

const imported =
  /(?<before>^(?:import|export)\b[\s\w{},*$]*?\bfrom\s*|^import\s*|(?<![.\w])import\(\s*)(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm;
/** What is looked for at run time: all of it, or the beginning of its name. */
const required = /\b(?:require(?:\.resolve)?|import\.meta\.resolve)\(\s*['"`](?<specifier>[^'"`\n]+)['"`]/g;
const readFile = /\bnew URL\(\s*(['"])(?<path>[^'"\n]+)\1,\s*import\.meta\.url\)/g;

/**
 * Reads the compiled module at `path`. `aliases` are the `imports` of the package.json at the root; `placeOf` says where a
 * module of the tree is in the package.
 */
export function readModule(path: string, source: string, aliases: Aliases, placeOf: (path: string) => string): Needs {
  const modules = new Set<string>();
  const packages = new Set<string>();
  const isDeclaration = path.endsWith('.d.ts');
  const text = source.replace(imported, (_, before: string, quote: string, specifier: string) => {
    const target = resolveModule(path, specifier, aliases);
    if (target === undefined) {
      packages.add(packageOf(specifier));
      return `${before}${quote}${specifier}${quote}`;
    }
    modules.add(isDeclaration ? `${target}.d.ts` : `${target}.js`);
    return `${before}${quote}${relativeSpecifier(placeOf(path), placeOf(`${target}.js`))}${quote}`;
  });
  for (const { groups } of text.matchAll(required)) packages.add(packageOf(groups?.specifier ?? ''));
  const files = [...text.matchAll(readFile)].map(({ groups }) => posix.join(dirname(path), groups?.path ?? ''));
  return { modules: [...modules], files, packages: [...packages], text };
}

/** The path of a module of the tree without its extension; `undefined` for a package. */
function resolveModule(path: string, specifier: string, aliases: Aliases): string | undefined {
  const target = specifier.startsWith('.') ? posix.join(dirname(path), specifier) : resolveAlias(specifier, aliases);
  return target?.replace(/\.[jt]s$/, '');
}

function resolveAlias(specifier: string, aliases: Aliases): string | undefined {
  for (const [alias, target] of Object.entries(aliases)) {
    const [prefix = '', isPattern] = alias.split('*');
    if (isPattern === undefined ? specifier !== alias : !specifier.startsWith(prefix)) continue;
    return posix.normalize(target.replace('*', specifier.slice(prefix.length)));
  }
  return undefined;
}

function relativeSpecifier(path: string, target: string): string {
  const found = posix.relative(dirname(path), target);
  return found.startsWith('.') ? found : `./${found}`;
}

/** `@bufbuild/protobuf/wkt` is in `@bufbuild/protobuf`. */
function packageOf(specifier: string): string {
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

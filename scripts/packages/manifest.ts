import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A package.json. Only what is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly exports?: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A folder of `packages/`. */
export interface Package {
  /** The folder's name: `mesh`. */
  readonly name: string;
  readonly manifest: Manifest;
}

/** Returns the packages, sorted by name. */
export async function readPackages(root: string): Promise<Package[]> {
  const folders = await readdir(join(root, 'packages'), { withFileTypes: true });
  const names = folders.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return await Promise.all(
    names.toSorted().map(async (name) => ({ name, manifest: await readManifest(join(root, 'packages', name)) })),
  );
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
}

/** Returns the modules that a package lets others import or run, and their declarations, as they are in the package. */
export function entriesOf({ exports = {}, bin = {} }: Manifest): string[] {
  const exported = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : [target.types, target.default],
  );
  const paths = [...exported, ...Object.values(bin)].map((path) => path.replace(/^\.\//, ''));
  return paths.filter((path) => path !== 'package.json');
}

/**
 * Where a module of the tree is in a package: what is compiled from `packages/<name>/src/` is in `dist/`, all else in its
 * place below the root, so `mesh/index.js` comes from `mesh/index.ts`.
 */
export function placeIn({ name }: Package): (path: string) => string {
  const sources = `packages/${name}/src/`;
  return (path) => (path.startsWith(sources) ? `dist/${path.slice(sources.length)}` : path);
}

/** The inverse of {@link placeIn}. */
export function originIn({ name }: Package): (place: string) => string {
  return (place) => (place.startsWith('dist/') ? `packages/${name}/src/${place.slice('dist/'.length)}` : place);
}

/** The path of the source that a compiled module or declaration comes from. */
export function sourceOf(path: string): string {
  return path.replace(/(\.d)?\.ts$|\.js$/, '.ts');
}

import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.ts';
import { compile } from './compile.ts';
import { guardEntries } from './guard-entries.ts';
import { entriesOf, type Manifest, originIn, type Package, placeIn, readPackages, sourceOf } from './manifest.ts';
import { type Aliases, readModule } from './module.ts';
import { copyThirdPartyLicense, shipProtos } from './shipped-protos.ts';

/** A package as it ships. */
export interface BuiltPackage extends Package {
  readonly folder: string;
  /** What its modules import: npm packages and `node:` modules, each with one module that does. */
  readonly imports: ReadonlyMap<string, string>;
  /** The same for its declarations. */
  readonly typeImports: ReadonlyMap<string, string>;
}

/**
 * Builds the packages in `packages/` to `<targetDir>/<name>`: what is reachable from their entry points, compiled, and for
 * some of them bundled, with the files that it reads, package.json, README and licence.
 */
export async function buildPackages(root: string, targetDir: string): Promise<BuiltPackage[]> {
  const packages = await readPackages(root);
  await mkdir(targetDir, { recursive: true });
  // Below the root, as the compiler looks for types in the folders above.
  const compiled = await mkdtemp(join(targetDir, '.compiled-'));
  try {
    const sources = packages.flatMap((each) => entriesOf(each.manifest).map(originIn(each)).map(sourceOf));
    await compile(root, compiled, [...new Set(sources)]);
    const tree = { root, compiled, aliases: await readAliases(root) };
    return await Promise.all(packages.map((each) => assemble(tree, each, join(targetDir, each.name))));
  } finally {
    await rm(compiled, { recursive: true });
  }
}

/** Packages whose modules are bundled, to be loaded fast. Those of others read files by where they are. */
const bundledPackages: ReadonlySet<string> = new Set(['grpc']);

/** What a project imports first, of packages that an older Node cannot link. */
const guardedModules: Readonly<Record<string, readonly string[]>> = {
  mesh: ['./mesh/index.js', './mesh/testing/index.js', './dist/ops.js'],
};

interface Tree {
  readonly root: string;
  readonly compiled: string;
  readonly aliases: Aliases;
}

async function readAliases(root: string): Promise<Aliases> {
  const { imports }: { imports: Aliases } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return imports;
}

async function assemble(tree: Tree, each: Package, folder: string): Promise<BuiltPackage> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(join(tree.root, 'packages', each.name, 'README.md'), join(folder, 'README.md'));
  await cp(join(tree.root, 'LICENSE'), join(folder, 'LICENSE'));
  if (each.name === 'mesh') await shipProtos(tree.root, join(folder, 'protos'));
  const imports = new Map<string, string>();
  const typeImports = new Map<string, string>();
  const seen = new Set<string>();
  const placeOf = placeIn(each);
  const open = entriesOf(each.manifest).map(originIn(each));
  const isBundled = bundledPackages.has(each.name);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const needs = readModule(path, await readFile(join(tree.compiled, path), 'utf8'), tree.aliases, placeOf);
    await mkdir(dirname(join(folder, placeOf(path))), { recursive: true });
    await writeFile(join(folder, placeOf(path)), needs.text);
    open.push(...needs.modules);
    for (const name of needs.packages) (path.endsWith('.d.ts') ? typeImports : imports).set(name, placeOf(path));
    if (isBundled && needs.files.length > 0) {
      throw new Error(`${path} reads ${needs.files.join(', ')}: move that out of the bundled package ${each.name}`);
    }
    for (const file of needs.files) await copyAsset(tree.root, file, folder);
  }
  if (isBundled)
    await bundle(
      folder,
      entriesOf(each.manifest).filter((path) => path.endsWith('.js')),
    );
  const exports = await guardEntries(folder, each.manifest, guardedModules[each.name] ?? []);
  await writeManifest(folder, join(tree.root, 'packages', each.name), exports);
  if ([...seen].some((path) => thirdPartyCode.test(path))) await copyThirdPartyLicense(tree.root, folder);
  return { ...each, manifest: { ...each.manifest, exports }, folder, imports, typeImports };
}

/** Compiled contracts of third parties. */
const thirdPartyCode = /^gen\/ts\/(buf|google|grpc)\//;

/** Writes the package.json of `sources` with these `exports`, and without `private`, which keeps npm from publishing the sources. */
async function writeManifest(folder: string, sources: string, exports: Manifest['exports']): Promise<void> {
  const { private: _, ...manifest } = JSON.parse(await readFile(join(sources, 'package.json'), 'utf8'));
  await writeFile(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, exports }, null, 2)}\n`);
}

/** Copies a file that a module reads. What is not in the repository, such as a tool that was installed, is left out. */
async function copyAsset(root: string, path: string, folder: string): Promise<void> {
  if (!/^[a-z]/.test(path) || path === 'package.json') return;
  const found = await stat(join(root, path)).catch(() => undefined);
  if (!found?.isFile()) return;
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await cp(join(root, path), join(folder, path));
}

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackages } from './build.ts';
import { readManifest } from './manifest.ts';
import { pack } from './pack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The packages as npm packs them, for projects outside. They are removed when it goes out of scope. */
export interface PackedPackages extends AsyncDisposable {
  /** A dependency on the tarball of `@ordermesh/<name>`, for a package.json. */
  tarball(name: string): Readonly<Record<string, string>>;
  /** Dependencies on these packages in the versions of the repository. */
  versions(...names: readonly string[]): Readonly<Record<string, string>>;
}

/** Builds and packs the packages. */
export async function packPackages(): Promise<PackedPackages> {
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/packages-packed-'));
  const built = await buildPackages(root, folder);
  const packed = built.map(async (each) => [each.name, `file:${(await pack(each, folder)).file}`]);
  const tarballs: Readonly<Record<string, string>> = Object.fromEntries(await Promise.all(packed));
  const { dependencies, devDependencies } = await readManifest(root);
  const known = { ...devDependencies, ...dependencies };
  const found = (from: Readonly<Record<string, string>>, name: string) => {
    const target = from[name];
    if (target === undefined) throw new Error(`there is no package ${name} here`);
    return target;
  };
  return {
    tarball: (name) => ({ [`@ordermesh/${name}`]: found(tarballs, name) }),
    versions: (...names) => Object.fromEntries(names.map((name) => [name, found(known, name)])),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

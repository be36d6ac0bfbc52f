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
  const remove = () => rm(folder, { recursive: true, force: true });
  const tarballs = await packInto(folder).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
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
    [Symbol.asyncDispose]: remove,
  };
}

/** Returns a dependency on the tarball of each package, by its name. */
async function packInto(folder: string): Promise<Readonly<Record<string, string>>> {
  const built = await buildPackages(root, folder);
  // All of them end before a failure of one removes the folder.
  const packed = await Promise.allSettled(built.map(async (each) => [each.name, (await pack(each, folder)).file]));
  const failed = packed.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  const files = packed.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  return Object.fromEntries(files.map(([name, file]) => [name, `file:${file}`]));
}

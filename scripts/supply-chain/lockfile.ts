import { readFile } from 'node:fs/promises';

/** A package of the lockfile, for whatever platform it is. */
export interface LockedPackage {
  /** The folder that npm installs it to: `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** Hash of the archive. npm refuses one whose hash differs, whichever registry sent it. */
  readonly integrity?: string;
  /** Where the archive comes from. Without it: from the registry that npm is configured for, by name and version. */
  readonly resolved?: string;
  /** Set for a link to a folder instead of a package of a registry. */
  readonly link?: boolean;
  /** SPDX expression, as the package states it. */
  readonly license?: string;
  /** Only development packages need it. */
  readonly dev?: boolean;
  /** Some platforms do without it. */
  readonly optional?: boolean;
  /** npm would run a program of the package when it installs it. */
  readonly hasInstallScript?: boolean;
}

interface Lockfile {
  readonly packages: Readonly<Record<string, Omit<LockedPackage, 'path' | 'name'> & { readonly name?: string }>>;
}

/** Reads the packages of a `package-lock.json` of version 2 or 3, without the project itself. */
export async function readLockfile(file: string): Promise<LockedPackage[]> {
  return lockedPackages(JSON.parse(await readFile(file, 'utf8')));
}

/** Returns the packages that a lockfile names. An alias has its package's own name in it. */
export function lockedPackages({ packages }: Lockfile): LockedPackage[] {
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, entry]) => ({ ...entry, path, name: entry.name ?? path.split('node_modules/').at(-1) ?? path }));
}

/**
 * Returns a message for each package whose content the lockfile does not fix, or that does not come from a registry. A
 * registry's address is not in the lockfile either (`omit-lockfile-registry-resolved` in `.npmrc`), so one that serves
 * something else under a known name fails at the hash.
 */
export function findUnfixedPackages(packages: readonly LockedPackage[]): string[] {
  return packages.flatMap(({ path, integrity, resolved, link }) => {
    if (link || resolved !== undefined) {
      return [`${path} is resolved to ${resolved ?? 'a folder'}: use a version of the registry, without its address`];
    }
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')) {
      return [`${path} has no sha512 integrity: remove its entry and run "npm install --package-lock-only"`];
    }
    return [];
  });
}

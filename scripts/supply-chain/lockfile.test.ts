import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { findInstallScripts } from './install-scripts.ts';
import { findForbiddenLicences } from './licences.ts';
import { findUnfixedPackages, type LockedPackage, lockedPackages, readLockfile } from './lockfile.ts';

const good: LockedPackage = {
  path: 'node_modules/a',
  name: 'a',
  version: '1.0.0',
  license: 'MIT',
  integrity: `sha512-${'A'.repeat(86)}==`,
};
const { integrity, ...withoutIntegrity } = good;
const ours = new URL('../../', import.meta.url);

describe('the lockfile', async () => {
  const packages = await readLockfile(new URL('package-lock.json', ours).pathname);

  it('fixes the content of every package, on every platform', () => {
    expect(packages.length).toBeGreaterThan(300);
    expect(findUnfixedPackages(packages)).toEqual([]);
  });

  it('has permissive licences, and runs no program of a package', async () => {
    expect(findForbiddenLicences(packages)).toEqual([]);
    expect(findInstallScripts(packages, await readFile(new URL('.npmrc', ours), 'utf8'))).toEqual([]);
  });
});

describe('findUnfixedPackages', () => {
  it.each([
    ['no hash', withoutIntegrity],
    ['a weak hash', { ...good, integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }],
    ['a hash that is cut', { ...good, integrity: `${integrity}`.slice(0, -8) }],
    ['an address', { ...good, resolved: 'https://registry.example/a/-/a-1.0.0.tgz' }],
    ['a Git repository', { ...good, resolved: 'git+ssh://git@example/a.git#0123' }],
    ['a folder', { ...good, link: true }],
  ])('refuses a package with %s', (_, entry) => {
    expect(findUnfixedPackages([good, entry])).toEqual([expect.stringContaining('node_modules/a')]);
  });

  it('sees nested packages and aliases by their own names', () => {
    const entries = lockedPackages({
      packages: {
        '': good,
        'node_modules/a/node_modules/@b/c': withoutName(),
        'node_modules/x': { ...good, name: 'y' },
      },
    });
    expect(entries.map(({ name }) => name)).toEqual(['@b/c', 'y']);
  });
});

describe('findForbiddenLicences', () => {
  const lightningcss: LockedPackage = { ...good, name: 'lightningcss', license: 'MPL-2.0', dev: true };
  const licensed = (license: string): LockedPackage => ({ ...good, license });
  const { license, ...unlicensed } = good;

  it.each(['MIT', 'MIT OR GPL-3.0-only', '(Apache-2.0 AND BSD-3-Clause)'])('takes %s', (expression) => {
    expect(findForbiddenLicences([lightningcss, licensed(expression)])).toEqual([]);
  });

  it.each(['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'MIT AND (ISC OR GPL-3.0-only)', 'SEE LICENSE IN FILE', 'MPL-2.0'])(
    'refuses %s',
    (expression) => {
      expect(findForbiddenLicences([lightningcss, licensed(expression)])).toHaveLength(1);
    },
  );

  it('refuses a package that states none', () => {
    expect(findForbiddenLicences([lightningcss, unlicensed])).toEqual([expect.stringContaining(`"no licence"`)]);
  });

  it('grants an exception to development packages only, and none for nothing', () => {
    expect(findForbiddenLicences([{ ...lightningcss, dev: false }])).toEqual([expect.stringContaining('MPL-2.0')]);
    expect(findForbiddenLicences([licensed(`${license}`)])).toEqual([expect.stringContaining('no package needs')]);
  });
});

describe('findInstallScripts', () => {
  const known = ['@bufbuild/buf', '@scarf/scarf', 'protobufjs'].map((name) => ({
    ...good,
    name,
    hasInstallScript: true,
  }));

  it('reports a new one, one that is gone, and an .npmrc that lets them run', () => {
    const found = findInstallScripts([...known.slice(1), { ...good, hasInstallScript: true }], 'fund=false\n');
    expect(found).toEqual([
      expect.stringContaining('set ignore-scripts=true'),
      expect.stringMatching(/^a has an install script/),
      expect.stringMatching(/^@bufbuild\/buf has no install script any more/),
    ]);
  });
});

function withoutName(): Omit<LockedPackage, 'path' | 'name'> {
  const { name: _, path: __, ...rest } = good;
  return rest;
}

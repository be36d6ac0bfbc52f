import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { readAdvisories } from './advisories.ts';
import { auditPackages } from './audit.ts';
import type { LockedPackage } from './lockfile.ts';
import { ignoredAdvisories } from './policy.ts';
import { compareVersions } from './semver.ts';

const testdata = fileURLToPath(new URL('testdata/advisories', import.meta.url));
const today = '2026-06-15';

function locked(name: string, version: string, dev?: true): LockedPackage {
  return { path: `node_modules/${name}`, name, version, ...(dev && { dev }) };
}

describe('auditPackages', () => {
  const audit = (packages: LockedPackage[], ignores = ignoredAdvisories) =>
    auditPackages(packages, readAdvisories(testdata), ignores, today);

  it.each([
    ['parser', '0.0.1'],
    ['parser', '1.8.1'],
    ['parser', '1.8.2-rc.1'],
    ['parser', '2.0.0'],
    ['parser', '2.1.3'],
    ['@scope/tool', '3.3.3'],
    ['@scope/tool', '4.0.0-beta.2'],
    ['@scope/tool', '4.0.0'],
    ['@scope/tool', '4.0.1'],
  ])('finds %s %s', async (name, version) => {
    const { vulnerable } = await audit([locked(name, version)]);
    expect(vulnerable).toEqual([expect.stringContaining(`${name} ${version}`)]);
  });

  it.each([
    ['parser', '1.8.2'],
    ['parser', '2.0.0-rc.1'],
    ['parser', '2.1.4'],
    ['parser', '10.0.0'],
    ['@scope/tool', '3.3.4'],
    ['@scope/tool', '4.0.0-beta.1'],
    ['@scope/tool', '4.0.2'],
    ['tool', '4.0.0'],
    ['other', '1.0.0'],
  ])('passes %s %s', async (name, version) => {
    expect(await audit([locked(name, version)])).toEqual({ advisories: 3, vulnerable: [], ignored: [] });
  });

  it('names what the package is for, what is wrong and what helps', async () => {
    const { vulnerable } = await audit([locked('parser', '2.0.0'), locked('@scope/tool', '4.0.0', true)]);
    expect(vulnerable).toEqual([
      '@scope/tool 4.0.0 (development): TEST-2026-0002: is malware; no fixed version',
      'parser 2.0.0 (shipped): TEST-2026-0001: reads past the end of a header; fixed in 2.1.4, 1.8.2',
    ]);
  });

  it('ignores an advisory by any of its ids for one package until its day', async () => {
    const ignore = { id: 'CVE-2026-00001', name: 'parser', until: '2026-06-16', why: 'no header comes from outside' };
    const packages = [locked('parser', '2.0.0')];
    const before = await audit(packages, [ignore]);
    expect(before.vulnerable).toEqual([]);
    expect(before.ignored).toEqual([expect.stringContaining('ignored until 2026-06-16: no header comes from outside')]);
    expect((await audit(packages, [{ ...ignore, until: today }])).vulnerable).toEqual([
      expect.stringContaining(`it was ignored until ${today}`),
    ]);
    expect((await audit(packages, [{ ...ignore, name: 'tool' }])).vulnerable).toHaveLength(1);
  });
});

describe('compareVersions', () => {
  it('orders the versions of Semantic Versioning, §11', () => {
    const ordered =
      '1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0 2.1.0 2.1.1 2.10.0';
    const versions = ordered.split(' ');
    expect(versions.toReversed().sort(compareVersions)).toEqual(versions);
    expect(compareVersions('1.0.0+build', '1.0.0')).toBe(0);
    expect(() => compareVersions('latest', '1.0.0')).toThrow('"latest" is not a version');
  });
});

describe('make audit-packages', () => {
  const run = (path: string) => {
    const environment = { PATH: process.env.PATH, ADVISORIES: path };
    const program = fileURLToPath(new URL('../supply-chain.ts', import.meta.url));
    return spawnSync(process.execPath, [program, 'audit'], { env: environment, encoding: 'utf8' });
  };

  it('fails with what it found in the lockfile, and passes a version that is fixed', async () => {
    await using folder = await tempFolder();
    const advise = (fixed: string) => {
      const range = { type: 'SEMVER', events: [{ introduced: '0' }, { fixed }] };
      const affected = [{ package: { ecosystem: 'npm', name: 'fastify' }, ranges: [range] }];
      const file = join(folder.path, 'advisory.json');
      writeFileSync(file, JSON.stringify({ id: 'TEST-1', summary: 'breaks', affected }));
      return file;
    };
    const found = run(advise('9999.0.0'));
    expect(found.status).toBe(1);
    expect(found.stderr).toMatch(/^fastify \S+ \(shipped\): TEST-1: breaks; fixed in 9999\.0\.0\n$/);
    const passed = run(advise('1.0.0'));
    expect(passed).toMatchObject({ status: 0, stderr: '' });
    expect(passed.stdout).toMatch(/^compared \d+ packages with 1 advisories in .*: 0 vulnerable, 0 ignored\n$/);
  });

  it.each([
    ['nothing', undefined],
    ['something else', '{"hello": 1}'],
    ['a broken file', '{'],
  ])('exits with 2 if the folder has %s, and names it or the file', async (_, content) => {
    await using folder = await tempFolder();
    if (content !== undefined) writeFileSync(join(folder.path, 'a.json'), content);
    const { status, stdout, stderr } = run(folder.path);
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: expect.stringMatching(/^.+\n$/) });
    expect(stderr).toContain(content === undefined ? folder.path : join(folder.path, 'a.json'));
  });

  it('exits with 2 if ADVISORIES names nothing', () => {
    expect(run('/missing')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^ADVISORIES cannot be read: ENOENT.*\n$/),
    });
  });
});

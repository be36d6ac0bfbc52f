import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('make verify-upgrade looks for the previous commit before it installs anything', () => {
  const args = ['-s', '-o', 'node_modules/.package-lock.json', 'verify-upgrade', 'PREVIOUS=no-such-release'];
  const { status, stdout, stderr } = spawnSync('make', args, { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^commit no-such-release not found: set PREVIOUS to /);
});

import { readdir } from 'node:fs/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { createProject } from './outside-project.ts';

it('a project whose packages cannot be installed leaves no folder', { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  vi.stubEnv('TMPDIR', folder.path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const dependencies = { missing: 'file:no-such-package.tgz' };
  await expect(createProject({ dependencies })).rejects.toThrow(/npm install .*failed:.*no-such-package/s);
  expect((await readdir(folder.path)).filter((name) => name.startsWith('ordermesh-outside-'))).toEqual([]);
});

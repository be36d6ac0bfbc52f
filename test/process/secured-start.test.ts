import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runningMeshFile } from '../../examples/support/access.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

it('make start AUTH=1 leaves a token while it serves only', { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  const options = { dataDir: folder.path, main: 'scripts/start.ts', args: ['user'], environment: { AUTH: '1' } };
  await using mesh = await startProcess(options);
  await eventually(() => expect(existsSync(runningMeshFile(folder.path))).toBe(true));
  // The folder is in use.
  await using second = spawnProcess({ ...options, environment: {} });
  expect(await second.ended).toMatchObject({ code: 2 });
  expect(existsSync(runningMeshFile(folder.path))).toBe(true);
  expect(await mesh.stop()).toMatchObject({ code: 0 });
  expect(existsSync(runningMeshFile(folder.path))).toBe(false);
});

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { hasPassed } from './passed-registries.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Returns the report of a run of Vitest, which must exit with 0. */
async function reportOf(test: string): Promise<string> {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, 'some.test.mjs'), test);
  await writeFile(join(folder.path, 'vitest.config.mjs'), 'export default {}');
  const report = join(folder.path, 'report.json');
  const options = ['--root', folder.path, '--globals', '--reporter=json', `--outputFile=${report}`];
  await run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...options]);
  return readFile(report, 'utf8');
}

describe('a run of the scenarios', () => {
  it('has passed if its tests have', async () => {
    expect(hasPassed(await reportOf(`describe('some', () => it('passes', () => undefined))`))).toBe(true);
  });

  it('has not passed if one was skipped', async () => {
    expect(hasPassed(await reportOf(`it('passes', () => undefined); it.skip('too', () => undefined)`))).toBe(false);
  });
});

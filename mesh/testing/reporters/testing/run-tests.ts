import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tempFolder } from '../../temp-folder.ts';

const vitest = fileURLToPath(new URL('../../../../node_modules/vitest/vitest.mjs', import.meta.url));

/** Runs test files, by name, in a project of their own with these settings. Returns what the run printed. */
export async function runTests(
  files: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>>,
): Promise<{ readonly status: number | null; readonly lines: readonly string[] }> {
  await using folder = await tempFolder();
  const config = { test: { globals: true, maxWorkers: 1, ...settings } };
  writeFileSync(`${folder.path}/vitest.config.mjs`, `export default ${JSON.stringify(config)};`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder.path}/${name}`, text);
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run'], { cwd: folder.path, encoding: 'utf8' });
  return { status, lines: stdout.trimEnd().split('\n') };
}

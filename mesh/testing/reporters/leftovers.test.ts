import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import config from '../../../vitest.config.ts';
import { tempFolder } from '../temp-folder.ts';

const setupFile = fileURLToPath(new URL('./leftovers.ts', import.meta.url));
const globalSetup = fileURLToPath(new URL('./failed-tests.ts', import.meta.url));
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));

const problem = (what: string) =>
  `left behind for other test files, which share the process: ${what}. Restore it in afterEach or onTestFinished, ` +
  'with vi.unstubAllEnvs() after vi.stubEnv(…), and with vi.useRealTimers()';

it('names each file that leaves something behind, which the next file does not get', async () => {
  const files = {
    '1-text.test.js': "it('unsets', () => { process.env.FROM_OUTSIDE = undefined; });",
    '2-removed.test.js':
      "it('has it', () => { expect(process.env.FROM_OUTSIDE).toBe('a'); delete process.env.FROM_OUTSIDE; });",
    '3-added.test.js':
      "process.env.ADDED = 'secret'; it('has it', () => { expect(process.env.FROM_OUTSIDE).toBe('a'); });",
    '4-timers.test.js':
      "it('has none', () => { expect(process.env.ADDED).toBeUndefined(); vi.useFakeTimers({ toFake: ['Date'] }); });",
    '5-clean.test.js': `
      afterAll(() => { vi.unstubAllEnvs(); vi.useRealTimers(); });
      it('sees real ones', () => {
        expect(vi.isFakeTimers()).toBe(false);
        vi.stubEnv('FROM_OUTSIDE', 'b');
        vi.useFakeTimers();
      });`,
  };
  const { status, lines } = await runTests(files);
  expect(status).toBe(1);
  expect(lines.slice(lines.indexOf('FAILED:') + 1).toSorted()).toEqual([
    `  1-text.test.js: ${problem('process.env.FROM_OUTSIDE')}`,
    `  2-removed.test.js: ${problem('process.env.FROM_OUTSIDE')}`,
    `  3-added.test.js: ${problem('process.env.ADDED')}`,
    `  4-timers.test.js: ${problem('fake timers')}`,
  ]);
  expect(lines.join('\n')).not.toContain('secret');
});

it('guards the files of this project that share a process', () => {
  const projects = (config.test?.projects ?? []).flatMap((project) => (typeof project === 'object' ? [project] : []));
  const sharing = projects.flatMap((project) =>
    'test' in project && project.test?.isolate === false ? [project.test] : [],
  );
  expect(sharing.map(({ setupFiles }) => setupFiles)).toEqual([['mesh/testing/reporters/leftovers.ts']]);
});

/** Runs the files in one process, in the order of their names. */
async function runTests(files: Record<string, string>): Promise<{ status: number | null; lines: string[] }> {
  await using folder = await tempFolder();
  const inOrder =
    'class { sort(files) { return files.toSorted((a, b) => a.moduleId < b.moduleId ? -1 : 1); } shard(files) { return files; } }';
  const settings = { globals: true, globalSetup, setupFiles: [setupFile], isolate: false, maxWorkers: 1 };
  writeFileSync(
    `${folder.path}/vitest.config.mjs`,
    `export default { test: { ...${JSON.stringify(settings)}, sequence: { sequencer: ${inOrder} } } };`,
  );
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder.path}/${name}`, text);
  const env = { ...process.env, FROM_OUTSIDE: 'a' };
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run'], { cwd: folder.path, encoding: 'utf8', env });
  return { status, lines: stdout.trimEnd().split('\n') };
}

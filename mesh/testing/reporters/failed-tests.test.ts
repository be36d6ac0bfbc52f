import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTests } from './testing/run-tests.ts';

const globalSetup = fileURLToPath(new URL('./failed-tests.ts', import.meta.url));

it('names what failed, and nothing else, as the last lines of a run', async () => {
  const files = {
    'test.test.js': "it('adds', () => { expect(1 + 1).toBe(3); }); it('passes', () => {});",
    'hook.test.js':
      "describe('a suite', () => { beforeAll(() => { throw new Error('no server'); }); it('waits', () => {}); });",
    'module.test.js': "throw new Error('cannot load');",
    'outside.test.js': "it('leaves a promise', () => { Promise.reject(new Error('nobody waits')); });",
  };
  const { status, lines } = await runTests(files, { globalSetup });
  expect(status).toBe(1);
  expect(lines.slice(lines.indexOf('FAILED:') + 1).toSorted()).toEqual([
    '  hook.test.js > a suite: no server',
    '  module.test.js: cannot load',
    '  outside of tests: nobody waits',
    '  test.test.js > adds: expected 2 to be 3 // Object.is equality',
  ]);
});

it('is silent if everything passes', async () => {
  const { status, lines } = await runTests({ 'test.test.js': "it('passes', () => {});" }, { globalSetup });
  expect(status).toBe(0);
  expect(lines).not.toContain('FAILED:');
});

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTests } from './testing/run-tests.ts';

const reporter = fileURLToPath(new URL('./retried-tests.ts', import.meta.url));

it('names what passed only on a retry, with what failed before', async () => {
  const files = {
    'test.test.js': `
      let attempts = 0;
      it('adds', () => { attempts += 1; expect(attempts).toBe(2); });
      it('passes', () => {});
    `,
  };
  const { status, lines } = await runTests(files, { reporters: [reporter], retry: 1 });
  expect(status).toBe(0);
  expect(lines.filter((line) => line !== '')).toEqual([
    'Passed only on a retry, fix them:',
    '  test.test.js > adds: expected 1 to be 2 // Object.is equality',
  ]);
});

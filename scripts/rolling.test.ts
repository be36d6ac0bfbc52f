import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('refuses a service that a split mesh does not run on its own, and names those that it replaces', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/rolling.ts', 'order', 'edge'], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^unknown service edge: use user, .*order, .*gateway\n$/);
  expect(stderr.match(/edge/g)).toHaveLength(1);
});

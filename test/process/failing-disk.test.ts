import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { shopOf, withReason } from '../support/shop.ts';

const preload = new URL('support/fail-flushes.ts', import.meta.url).href;

it('a process whose disk failed to write does not end as clean, and the next start checks what it left', {
  timeout: 120_000,
}, async () => {
  await using folder = await tempFolder();
  const dataDir = join(folder.path, 'data');
  const flag = join(folder.path, 'flushes-fail');
  const environment = { LOG_LEVEL: 'info', DRAIN_TIMEOUT_MS: '3000', FLUSHES_FAIL: flag };
  await using mesh = await startProcess({
    dataDir,
    environment: { ...environment, NODE_OPTIONS: `--import=${preload}` },
  });
  const { users } = shopOf(mesh);
  await users.createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } }, withReason);
  await writeFile(flag, '');
  const second = users.createUser({ user: { id: 'tom', name: 'Tom', email: 'tom@example.com' } }, withReason);
  await expect(second).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  // The disk seems to work again.
  await rm(flag);
  expect(await mesh.stop()).toEqual({ code: 1, signal: null });
  const last = mesh.stderr().trimEnd().split('\n').at(-1) ?? '';
  expect(last).toMatch(/"unwritten":\["[^"]*user[^"]*"\]/);
  expect(last).toContain('the disk failed to write');
  expect(existsSync(join(dataDir, '.running'))).toBe(true);

  await using next = await startProcess({ dataDir, environment });
  expect(next.stderr()).toContain('the previous run did not shut down cleanly');
  expect(await shopOf(next).users.getUser({ id: 'ada' })).toMatchObject({ name: 'Ada' });
  expect(await next.stop()).toEqual({ code: 0, signal: null });
  expect(existsSync(join(dataDir, '.running'))).toBe(false);
});

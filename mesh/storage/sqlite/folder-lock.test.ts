import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Another process that holds the folder until it is killed. */
async function holdElsewhere(): Promise<ChildProcess> {
  const lock = new URL('folder-lock.ts', import.meta.url).href;
  const program = `import { lockFolder } from ${JSON.stringify(lock)}; lockFolder(process.argv[1]); console.log('held'); setInterval(() => 0, 1000)`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

describe('lockFolder', () => {
  it('refuses a folder that another process holds, until that is killed', async () => {
    const child = await holdElsewhere();
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 9, reason: 'DATA_DIR_IN_USE' }));
    expect(() => lockFolder(folder)).toThrow(folder);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockFolder(folder)();
  });

  it('refuses a folder that this process holds, until it is released', () => {
    const unlock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ reason: 'DATA_DIR_IN_USE' }));
    unlock();
    unlock();
    lockFolder(folder)();
  });

  it('creates the folder, and reports if it cannot', async () => {
    lockFolder(join(folder, 'new', 'data'))();
    await writeFile(join(folder, 'file'), '');
    expect(() => lockFolder(join(folder, 'file'))).toThrow(expect.objectContaining({ reason: 'STORAGE_UNAVAILABLE' }));
  });
});

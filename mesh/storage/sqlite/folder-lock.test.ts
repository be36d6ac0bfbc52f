import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { lockFolder } from './folder-lock.ts';

let folder: TempFolder;
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Another process that holds the folder until it is killed. */
async function holdElsewhere(): Promise<ChildProcess> {
  const lock = new URL('folder-lock.ts', import.meta.url).href;
  const program = `import { lockFolder } from ${JSON.stringify(lock)}; lockFolder(process.argv[1]); console.log('held'); setInterval(() => 0, 1000)`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder.path]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

describe('lockFolder', () => {
  it('refuses a folder that another process holds, until that is killed', async () => {
    const child = await holdElsewhere();
    expect(() => lockFolder(folder.path)).toThrow(expect.objectContaining({ code: 9, reason: 'DATA_DIR_IN_USE' }));
    expect(() => lockFolder(folder.path)).toThrow(folder.path);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockFolder(folder.path)();
  });

  it('refuses a folder that this process holds, until it is released', () => {
    const unlock = lockFolder(folder.path);
    expect(() => lockFolder(folder.path)).toThrow(expect.objectContaining({ reason: 'DATA_DIR_IN_USE' }));
    unlock();
    unlock();
    lockFolder(folder.path)();
  });

  it('creates the folder, and reports if it cannot', async () => {
    lockFolder(join(folder.path, 'new', 'data'))();
    await writeFile(join(folder.path, 'file'), '');
    expect(() => lockFolder(join(folder.path, 'file'))).toThrow(
      expect.objectContaining({ reason: 'STORAGE_UNAVAILABLE' }),
    );
  });

  it('names the lock if it is damaged, and how to repair it', async () => {
    const file = join(folder.path, '.lock');
    await writeFile(file, 'not a lock'.repeat(100));
    expect(() => lockFolder(folder.path)).toThrow(
      `lock ${file} cannot be opened: file is not a database; it has no data: delete it and start again`,
    );
    await rm(file);
    lockFolder(folder.path)();
  });
});

import fs from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TempFolder, tempFolder } from '#mesh/testing';
import { createMailFiles, type MailFiles } from './mail-files.ts';

describe('files of mails on a disk', () => {
  let parent: TempFolder;
  let folder: string;
  let files: MailFiles;

  beforeEach(async () => {
    parent = await tempFolder();
    folder = join(parent.path, 'mail');
    await mkdir(folder);
    files = createMailFiles(folder);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    await parent[Symbol.asyncDispose]();
  });

  it('fail alone if the disk reports a failure when they are closed', async () => {
    const close = fs.closeSync;
    vi.spyOn(fs, 'closeSync').mockImplementationOnce((descriptor) => {
      close(descriptor);
      throw new Error('EIO');
    });
    syncBuiltinESMExports();
    const names = ['1.eml', '2.eml', '3.eml'];
    const written = await Promise.allSettled(names.map((name) => files.write(name, 'Hello', 0)));
    const durable = names.filter((_, index) => written[index]?.status === 'fulfilled');
    expect(durable).toHaveLength(2);
    expect((await readdir(folder)).toSorted()).toEqual(durable);
  });

  it('are in a folder whose name is durable if it was removed', async () => {
    await rm(folder, { recursive: true });
    const opened = vi.spyOn(fs, 'openSync');
    const synced = vi.spyOn(fs, 'fsyncSync');
    syncBuiltinESMExports();
    await files.write('1.eml', 'Hello', 0);
    const ofParent = opened.mock.calls.findIndex(([path]) => path === parent.path);
    expect(ofParent).toBeGreaterThanOrEqual(0);
    expect(synced).toHaveBeenCalledWith(opened.mock.results[ofParent]?.value);
  });
});

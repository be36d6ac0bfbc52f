import fs from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestClock, type TempFolder, tempFolder } from '#mesh/testing';
import { createMailboxes, type Mailboxes } from './mailboxes.ts';

describe('mailboxes on a disk', () => {
  let parent: TempFolder;
  let folder: string;
  let mailboxes: Mailboxes;
  const [first, second] = ['1970-01-01.mbox', '1970-01-01-2.mbox'];
  const read = (name: string) => readFile(join(folder, name), 'utf8');

  beforeEach(async () => {
    parent = await tempFolder();
    folder = join(parent.path, 'mail');
    await mkdir(folder);
    mailboxes = createMailboxes(folder, { aging: { nowMs: () => 0 }, clock: createTestClock(0) });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    mailboxes.close();
    await parent[Symbol.asyncDispose]();
  });

  /** The disk reports a failure when a file is flushed, once. */
  function failFlush(): void {
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce((_descriptor, done) => done(new Error('EIO')));
    syncBuiltinESMExports();
  }

  it('have nothing of a mail whose flush failed, and are written no more', async () => {
    await mailboxes.append('one');
    failFlush();
    await expect(mailboxes.append('two')).rejects.toThrow('EIO');
    expect(await read(first)).toBe('one');
    await mailboxes.append('three');
    expect([await read(first), await read(second)]).toEqual(['one', 'three']);
  });

  it('are removed if they have no mail', async () => {
    failFlush();
    await expect(mailboxes.append('one')).rejects.toThrow('EIO');
    expect(await readdir(folder)).toEqual([]);
  });

  it('have nothing of a mail that the disk has no room for', async () => {
    await mailboxes.append('one');
    const write = fs.writeFileSync;
    vi.spyOn(fs, 'writeFileSync').mockImplementationOnce((file) => {
      write(file, 'tw');
      throw new Error('ENOSPC');
    });
    syncBuiltinESMExports();
    await expect(mailboxes.append('two')).rejects.toThrow('ENOSPC');
    expect(await read(first)).toBe('one');
  });

  it('begin after an incomplete mail that cannot be removed', async () => {
    await mailboxes.append('one');
    failFlush();
    vi.spyOn(fs, 'ftruncateSync').mockImplementationOnce(() => {
      throw new Error('EIO');
    });
    syncBuiltinESMExports();
    await expect(mailboxes.append('tw')).rejects.toThrow('EIO');
    await mailboxes.append('two');
    expect([await read(first), await read(second)]).toEqual(['onetw', 'two']);
  });

  it('report a mail as sent only if they are still there', async () => {
    const flush = fs.fdatasync;
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce((descriptor, done) => {
      fs.rmSync(join(folder, first));
      flush(descriptor, done);
    });
    syncBuiltinESMExports();
    await expect(mailboxes.append('one')).rejects.toMatchObject({ reason: 'MAIL_UNAVAILABLE' });
    await mailboxes.append('one');
    expect(await read(first)).toBe('one');
  });

  it('begin again if they were moved', async () => {
    await mailboxes.append('one');
    await rename(join(folder, first), join(folder, 'archive.mbox'));
    await mailboxes.append('two');
    expect([await read('archive.mbox'), await read(first)]).toEqual(['one', 'two']);
  });

  it.each([
    ['a mail program marked its mails as read', 'one, read'],
    ['a mail program removed a mail', 'o'],
    ['they were emptied', ''],
  ])('are left alone and begin again if %s', async (_title, text) => {
    await mailboxes.append('one');
    fs.writeFileSync(join(folder, first), text);
    await mailboxes.append('two');
    expect([await read(first), await read(second)]).toEqual([text, 'two']);
  });

  it.each(['one, read and two', ''])('report no mail as sent if they became %j while it was written', async (text) => {
    await mailboxes.append('one');
    const flush = fs.fdatasync;
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce((descriptor, done) => {
      fs.writeFileSync(join(folder, first), text);
      flush(descriptor, done);
    });
    syncBuiltinESMExports();
    await expect(mailboxes.append('two')).rejects.toMatchObject({ reason: 'MAIL_UNAVAILABLE' });
    await mailboxes.append('two');
    expect([await read(first), await read(second)]).toEqual([text, 'two']);
  });

  it.each(['one, read and two', 'o', ''])(
    'are not cut or filled if they became %j and the flush fails',
    async (text) => {
      await mailboxes.append('one');
      vi.spyOn(fs, 'fdatasync').mockImplementationOnce((_descriptor, done) => {
        fs.writeFileSync(join(folder, first), text);
        done(new Error('EIO'));
      });
      syncBuiltinESMExports();
      await expect(mailboxes.append('two')).rejects.toThrow('EIO');
      expect(await read(first)).toBe(text);
    },
  );

  it('leave no file behind that they cannot use', async () => {
    const opened = vi.spyOn(fs, 'openSync');
    const closed = vi.spyOn(fs, 'closeSync');
    vi.spyOn(fs, 'fstatSync').mockImplementationOnce(() => {
      throw new Error('EIO');
    });
    syncBuiltinESMExports();
    await expect(mailboxes.append('one')).rejects.toThrow('EIO');
    expect(await readdir(folder)).toEqual([]);
    expect(closed).toHaveBeenCalledWith(opened.mock.results[0]?.value);
  });

  it('have names that are durable', async () => {
    const opened = vi.spyOn(fs, 'openSync');
    const synced = vi.spyOn(fs, 'fsync');
    syncBuiltinESMExports();
    await mailboxes.append('one');
    const ofFolder = opened.mock.calls.findIndex(([path]) => path === folder);
    expect(synced).toHaveBeenCalledWith(opened.mock.results[ofFolder]?.value, expect.any(Function));
  });

  it('are in a folder whose name is durable if it was removed', async () => {
    await rm(folder, { recursive: true });
    const opened = vi.spyOn(fs, 'openSync');
    const synced = vi.spyOn(fs, 'fsyncSync');
    syncBuiltinESMExports();
    await mailboxes.append('one');
    const ofParent = opened.mock.calls.findIndex(([path]) => path === parent.path);
    expect(synced).toHaveBeenCalledWith(opened.mock.results[ofParent]?.value);
  });
});

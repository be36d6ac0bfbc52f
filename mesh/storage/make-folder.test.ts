import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';
import { makeFolder, makeSubfolder } from './make-folder.ts';

describe('making a folder', () => {
  let temp: TempFolder;
  /** The folders whose names were synced. */
  let synced: (string | undefined)[];

  beforeEach(async () => {
    temp = await tempFolder();
    synced = [];
    vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
      synced.push(fs.readlinkSync(`/proc/self/fd/${descriptor}`));
    });
    syncBuiltinESMExports();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    await temp[Symbol.asyncDispose]();
  });

  it('syncs the name of each that it makes, before it makes the next one in it', () => {
    makeFolder(join(temp.path, 'a/b/c'));
    const [first, ...others] = ['', '/a', '/a/b'].map((path) => `${temp.path}${path}`);
    // It finds the first one.
    expect(synced.slice(-3)).toEqual([first, ...others]);
    expect(fs.statSync(join(temp.path, 'a/b/c')).mode & 0o777).toBe(0o700);
  });

  it('syncs the name of one that it finds: its maker may have been killed before it did', () => {
    fs.mkdirSync(join(temp.path, 'a/b'), { recursive: true });
    makeFolder(join(temp.path, 'a/b'));
    expect(synced).toEqual([join(temp.path, 'a')]);
    makeSubfolder(join(temp.path, 'a'));
    expect(synced).toEqual([join(temp.path, 'a'), temp.path]);
  });

  it('syncs each name once in a process', () => {
    makeFolder(join(temp.path, 'a'));
    const before = synced.length;
    makeFolder(join(temp.path, 'a'));
    makeSubfolder(join(temp.path, 'a'));
    expect(synced).toHaveLength(before);
  });

  it('uses one that it finds in a file system that cannot sync', () => {
    const fault = (code: string) => () => {
      throw Object.assign(new Error(code), { code });
    };
    fs.mkdirSync(join(temp.path, 'a'));
    vi.mocked(fs.fsyncSync).mockImplementation(fault('EROFS'));
    makeFolder(join(temp.path, 'a'));
    fs.mkdirSync(join(temp.path, 'b'));
    vi.mocked(fs.fsyncSync).mockImplementation(fault('EIO'));
    expect(() => makeFolder(join(temp.path, 'b'))).toThrow('EIO');
  });
});

import { chmod } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { captureLog } from '../testing/captured-log.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { warnOfOpenFolder } from './open-folders.ts';

describe('warnOfOpenFolder', () => {
  it.each([
    [0o755, '0755'],
    [0o710, '0710'],
    [0o704, '0704'],
  ])('names a folder with the mode %i and the command that closes it', async (mode, shown) => {
    await using folder = await tempFolder();
    await chmod(folder.path, mode);
    const { logger, lines } = captureLog();
    warnOfOpenFolder(folder.path, logger);
    const { path } = folder;
    expect(lines).toMatchObject([{ level: 'warn', folder: path, mode: shown, fix: `chmod -R go= ${path}` }]);
  });

  it('says nothing of a folder that is private, and of none', async () => {
    await using folder = await tempFolder();
    const { logger, lines } = captureLog();
    warnOfOpenFolder(folder.path, logger);
    warnOfOpenFolder('/missing/folder', logger);
    expect(lines).toEqual([]);
  });
});

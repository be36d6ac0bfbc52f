import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { diskUsage } from './process-info.ts';

describe('the disk of a data folder', () => {
  it('says what to read if the folder is gone', async () => {
    await using folder = await tempFolder();
    const dataDir = join(folder.path, 'data');
    await expect(diskUsage({ dataDir })).rejects.toMatchObject({
      reason: 'STORAGE_LOST',
      message: expect.stringMatching(`^data folder ${dataDir} was deleted or moved: .* docs/operating.md$`),
    });
  });
});

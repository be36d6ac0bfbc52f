import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { startSplitMesh } from './split-mesh.ts';

describe('startSplitMesh', () => {
  it('starts nothing after Ctrl-C', async () => {
    await using folder = await tempFolder();
    const log = join(folder.path, 'log');
    const signal = AbortSignal.abort();
    await expect(startSplitMesh({ dataDir: folder.path, log, environment: {}, signal })).rejects.toBe(signal.reason);
    expect(existsSync(log)).toBe(false);
  });
});

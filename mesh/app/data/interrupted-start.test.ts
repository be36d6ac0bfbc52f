import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, open as openFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { claimDataFolder } from './data-folder.ts';
import { both, testStarts } from './testing/test-starts.ts';

const starts = testStarts();
const { run, file } = starts;

const cannotStart = testService('late', async () => ({ start: () => Promise.reject(new Error('cannot start')) }));

describe('a start on a data folder', () => {
  it('is refused after an unclean end if the structure of a database is damaged', async () => {
    await run();
    const database = new DatabaseSync(file('order'));
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO note SELECT i FROM n`,
    );
    database.close();
    await using handle = await openFile(file('order'), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, size - 4096);
    await run();
    await writeFile(join(starts.data, '.running'), '');
    await expect(run()).rejects.toMatchObject({
      reason: 'STORAGE_CORRUPT',
      message: expect.stringContaining(`${file('order')} is damaged`),
    });
  });

  it('remembers an unclean end until a start has opened everything', async () => {
    await run();
    await writeFile(join(starts.data, '.running'), '');
    await copyFile(file('order'), join(starts.folder, 'kept'));
    await rm(file('order'));
    await expect(run()).rejects.toThrow();
    await copyFile(join(starts.folder, 'kept'), file('order'));
    const claimed = claimDataFolder(starts.data);
    expect(claimed.wasAbandoned).toBe(true);
    claimed.release();
    await run();
    expect(claimDataFolder(starts.data).wasAbandoned).toBe(false);
  });

  it.each([
    ['an address of a service that nobody knows', { DISCOVERY_URL: 'static:ordr=127.0.0.1:1' }],
    ['a port that is not one of this machine', { GRPC_LISTEN: '192.0.2.1:0', ALLOW_INSECURE: '1' }],
  ])('keeps that in mind when a start is refused for %s', async (_title, environment: Record<string, string>) => {
    await run();
    await writeFile(join(starts.data, '.running'), '');
    await expect(run(both, starts.data, environment)).rejects.toThrow(/ordr|192\.0\.2\.1/);
    const claimed = claimDataFolder(starts.data);
    expect(claimed.wasAbandoned).toBe(true);
    claimed.release();
    await expect(run([...both, cannotStart])).rejects.toThrow('cannot start');
    expect(claimDataFolder(starts.data).wasAbandoned).toBe(true);
  });
});

describe('a process that is killed while it opens its databases', () => {
  const program = fileURLToPath(new URL('./testing/open-until-killed.ts', import.meta.url));

  /** Opens until the step, and says whether it was killed by then. */
  async function openUntil(step: number): Promise<boolean> {
    const child = spawn(process.execPath, [program, starts.data, String(step)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [, signal] = await once(child, 'exit');
    return signal === 'SIGKILL';
  }

  it('leaves a folder that can be started, after any step', { timeout: 240_000 }, async () => {
    let step = 1;
    for (; await openUntil(step); step += 1) {
      await run();
      expect(JSON.parse(await readFile(join(starts.data, 'manifest.json'), 'utf8')).databases).toHaveProperty(
        'sqlite:order',
      );
      // Sometimes a folder with a past, sometimes none.
      if (step % 2 === 0) await rm(starts.data, { recursive: true });
    }
    expect(step).toBeGreaterThan(20);
    expect(await readdir(starts.data)).not.toContain('manifest.json.part');
  });

  it('does not hide that a start has created a lost database again, after any step', {
    timeout: 240_000,
  }, async () => {
    await run();
    const kept = join(starts.folder, 'kept');
    await rm(file('order'));
    await rm(join(starts.data, 'manifest.json'));
    await cp(starts.data, kept, { recursive: true });
    let step = 1;
    for (; await openUntil(step); step += 3) {
      starts.clearLog();
      await run();
      expect(starts.log.lines, `after step ${step}`).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          created_empty: ['order'],
          found: expect.arrayContaining(['user', 'tasks']),
        }),
      );
      await rm(starts.data, { recursive: true });
      await cp(kept, starts.data, { recursive: true });
    }
    expect(step).toBeGreaterThan(15);
  });
});

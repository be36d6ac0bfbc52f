import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** Runs a command with no limit on the modes of new files. */
const permissive = ['sh', '-c', 'umask 0; exec "$@"', 'sh'];

describe('a process', () => {
  it('lets only its owner read what it creates, whatever the umask', async () => {
    await using folder = await tempFolder();
    const data = join(folder.path, 'new', 'data');
    await using process = await startProcess({
      dataDir: data,
      args: ['notification'],
      through: permissive,
      environment,
    });
    expect(process.stderr()).toBe('');
    const names = await readdir(folder.path, { recursive: true });
    expect(names).toEqual(
      expect.arrayContaining(['new/data/manifest.json', 'new/data/notification.db-wal', 'new/data/mail']),
    );
    const open = await Promise.all(
      names.map(async (name) => {
        const { mode } = await stat(join(folder.path, name));
        return (mode & 0o077) === 0 ? [] : [`${name} ${(mode & 0o777).toString(8)}`];
      }),
    );
    expect(open.flat()).toEqual([]);
  });
});

const environment = { DISCOVERY_URL: 'static:user=127.0.0.1:1' };

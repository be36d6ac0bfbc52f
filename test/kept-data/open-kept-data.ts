import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../mesh/testing/postgres-server.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import type { Expectation } from './expectation.ts';
import { unpackFile } from './packed-file.ts';

const keptData = fileURLToPath(new URL('.', import.meta.url));

/** The commits whose program wrote a folder that is kept, the oldest first. */
export const keptCommits = globSync('*/README.md', { cwd: keptData })
  .map((path) => basename(join(path, '..')))
  .toSorted();

/** A copy of what was kept, ready to start a mesh on. It is removed when it goes out of scope. */
export interface OpenedData extends AsyncDisposable {
  readonly dataDir: string;
  /** The settings that belong to it. */
  readonly settings: Readonly<Record<string, string>>;
  /** The URL of the database of a service, as `openStorage` takes it. */
  databaseUrl(service: string): string;
  readonly expected: Expectation;
}

/**
 * Copies a folder that is kept, with all files as the process left them that ended, and restores its databases. `stopped`:
 * in SQLite, by a process that was stopped; the others were killed.
 */
export async function openKeptData(commit: string, variant: 'stopped' | 'sqlite' | 'postgres'): Promise<OpenedData> {
  const kept = join(keptData, commit, variant);
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const dataDir = join(folder.path, 'data');
  await mkdir(dataDir);
  execFileSync('tar', ['-C', dataDir, '-xf', '-'], { input: await unpackFile(kept, 'data.tar') });
  const isOnPostgres = variant === 'postgres';
  const url = isOnPostgres ? await restoreDatabases(kept, stack) : `sqlite:${join(dataDir, '<service>.db')}`;
  const expected = JSON.parse((await unpackFile(kept, 'expected.json')).toString()) as Expectation;
  const opened = stack.move();
  return {
    dataDir,
    settings: isOnPostgres ? { DATABASE_URL: url } : {},
    databaseUrl: (service) => url.replace('<service>', service),
    expected,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Restores them into a server of their own and resolves with where they are. */
async function restoreDatabases(kept: string, stack: AsyncDisposableStack): Promise<string> {
  const server = stack.adopt(await startPostgres(), ({ stop }) => stop());
  const sql = await unpackFile(kept, 'databases.sql');
  const psql = ['-Xq', '-v', 'ON_ERROR_STOP=1', server.url('postgres')];
  execFileSync('psql', psql, { input: sql, stdio: ['pipe', 'ignore', 'pipe'] });
  return server.url('mesh_<service>');
}

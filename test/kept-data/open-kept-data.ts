import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import type { Expectation } from './expectation.ts';
import { unpackFile } from './packed-file.ts';

const keptData = fileURLToPath(new URL('.', import.meta.url));

/** The commits whose programs wrote a kept folder, oldest first. */
export const keptCommits = globSync('*/README.md', { cwd: keptData })
  .map((path) => basename(join(path, '..')))
  .toSorted();

/** A copy of kept data, ready for a mesh. It is removed when it goes out of scope. */
export interface OpenedData extends AsyncDisposable {
  readonly dataDir: string;
  /** The settings for the mesh. */
  readonly settings: Readonly<Record<string, string>>;
  /** The URL of the database of a service, as `openStorage` takes it. */
  databaseUrl(service: string): string;
  readonly expected: Expectation;
}

/**
 * Copies a kept folder with all files as the process left them, and restores its databases. In `stopped`, which uses SQLite,
 * the process was stopped; in the others it was killed.
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

/** Restores the databases into a new server and returns their URL. */
async function restoreDatabases(kept: string, stack: AsyncDisposableStack): Promise<string> {
  const server = stack.adopt(await startPostgres(), ({ stop }) => stop());
  const sql = await unpackFile(kept, 'databases.sql');
  const psql = ['-Xq', '-v', 'ON_ERROR_STOP=1', server.url('postgres')];
  execFileSync('psql', psql, { input: sql, stdio: ['pipe', 'ignore', 'pipe'] });
  return server.url('mesh_<service>');
}

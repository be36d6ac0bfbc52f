import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, closeSync, existsSync, globSync, openSync, renameSync, rmSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { endOnAbort, type GuardedProcess, spawnGuarded } from './guarded-process.ts';

/** A PostgreSQL server that keeps its data, on a port of 127.0.0.1. */
export interface PostgresNode {
  readonly port: number;
  /** The folder of its data and log. */
  readonly folder: string;
  /** Default: `defaultConnections`. */
  readonly maxConnections?: number;
}

/** How many connections PostgreSQL accepts by default. */
export const defaultConnections = 100;

/** The user that PostgreSQL runs as. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** The superuser of a node. It needs no password, but is reached from this machine only. */
const superuser = 'ordermesh';

/** Debian keeps the programs of PostgreSQL off the path. Those of the newest version. */
const binaries = findBinaries();

/** Returns the installed version of PostgreSQL, or undefined. */
export function installedPostgres(): string | undefined {
  if (binaries === undefined) return undefined;
  const text = execFileSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' });
  return /\d+(?:\.\d+)*/.exec(text)?.[0] ?? text.trim();
}

/** Returns the path of one of PostgreSQL's programs. */
export function postgresProgram(name: string): string {
  if (binaries === undefined) throw new Error('PostgreSQL is not installed: run "make deps-postgres"');
  return join(binaries, name);
}

/** The user for PostgreSQL if this process runs as root, which PostgreSQL refuses. */
export function unprivilegedUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string, name: string): number => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', name), gid: id('-g', name) };
    } catch (error) {
      if (name === 'nobody') throw error;
    }
  }
  return undefined;
}

/** The URL of a database of a node; `<service>` for one database for each service. */
export function urlOf({ port }: PostgresNode, database: string): string {
  return `postgres://${superuser}@127.0.0.1:${port}/${database}`;
}

/** Creates the data folder of a node if it does not exist. */
export async function prepareNode(node: PostgresNode): Promise<void> {
  await mkdir(node.folder, { recursive: true });
  if (existsSync(dataOf(node))) return;
  // Complete or missing: an interrupted creation must not look like data.
  const folder = join(node.folder, 'new');
  rmSync(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const opened = openSync(folder, 'r');
  try {
    const args = ['-D', openedFolder(user, 3, folder), '-U', superuser, '-A', 'trust', '-E', 'UTF8', '--locale', 'C'];
    const { status, stderr, error } = spawnSync(postgresProgram('initdb'), args, {
      ...user,
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', opened],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`PostgreSQL cannot create its data folder ${folder}: ${error ?? stderr.trim()}`);
  } finally {
    closeSync(opened);
  }
  renameSync(folder, dataOf(node));
}

/** Starts a prepared node and waits until it answers. It exits when this process exits. `stopping` ends it while it starts. */
export async function startNode(node: PostgresNode, stopping?: AbortSignal): Promise<GuardedProcess> {
  const user = unprivilegedUser();
  const opened = openSync(dataOf(node), 'r');
  const settings = [`port=${node.port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  if (node.maxConnections !== undefined) settings.push(`max_connections=${node.maxConnections}`);
  const data = openedFolder(user, 4, dataOf(node));
  const command = [postgresProgram('postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  const child = spawnGuarded({ command, log: logOf(node), cwd: '/', opened, ...(user && { user }) });
  closeSync(opened);
  endOnAbort(child, 'INT', stopping);
  await answers(node, child);
  return child;
}

async function answers(node: PostgresNode, child: GuardedProcess): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: urlOf(node, 'postgres') });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (child.exitCode !== null) {
        const lines = (await readFile(logOf(node), 'utf8')).trimEnd().split('\n').slice(-5);
        throw new Error(`PostgreSQL did not start:\n${lines.join('\n')}`, { cause: error });
      }
      await setTimeout(50);
    }
  }
}

/**
 * The path of a folder for another user, as descriptor `fd` of its process. That user may not enter the folders above it, such
 * as a home of root, but needs only the folder itself.
 */
function openedFolder(user: SystemUser | undefined, fd: number, folder: string): string {
  return user === undefined ? resolve(folder) : `/proc/self/fd/${fd}`;
}

const dataOf = (node: PostgresNode): string => join(node.folder, 'data');
const logOf = (node: PostgresNode): string => join(node.folder, 'log');

function findBinaries(): string | undefined {
  const installed = globSync('/usr/lib/postgresql/*/bin').toSorted((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  const folders = [...installed.toReversed(), ...(process.env.PATH ?? '').split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { Certificate } from '../certificates.ts';
import { freePort } from './free-port.ts';
import { installedPostgres, postgresProgram, type SystemUser, unprivilegedUser } from './postgres-node.ts';
import { copyNewDatabase, runProgram } from './postgres-template.ts';
import type { TestServer } from './servers.ts';

/** A PostgreSQL server for a test file, on a free port of 127.0.0.1. */
export interface PostgresServer {
  /** The URL of a database, which need not exist yet. */
  url(database: string): string;
  /** Stops it gracefully if it runs, and starts it on the same port. */
  restart(): Promise<void>;
  /** Kills it; `restart` brings it back. */
  killImmediate(): Promise<void>;
  /** Starts a standby of this server, which accepts no writes until `promote`. */
  startStandby(): Promise<PostgresServer>;
  /** Makes a standby accept writes. */
  promote(): Promise<void>;
  /** Makes it refuse or accept writes, on existing connections too. */
  setReadOnly(readOnly: boolean): Promise<void>;
  readonly port: number;
  /** Returns the id of its main process, the parent of all others. */
  mainPid(): Promise<number>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

export interface PostgresServerOptions {
  /** Whether commits survive a crash of the machine, which makes it as slow as the disk. Default: false. */
  readonly durable?: boolean;
  /** Settings of the server: `wal_level=logical`. Default: none. */
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf. Default: everybody is trusted. */
  readonly hba?: readonly string[];
  /** Turns TLS on. Default: off. */
  readonly certificate?: Certificate;
}

/** The installed PostgreSQL, for `describeWithServer`. */
export const postgres: TestServer = { name: 'PostgreSQL', version: installedPostgres() };

/** Starts a server with a new data folder. It exits when this process exits. */
export async function startPostgres({
  durable = false,
  settings = [],
  hba,
  certificate,
}: PostgresServerOptions = {}): Promise<PostgresServer> {
  const folder = await makeFolder((data, user) => copyNewDatabase(data, user));
  if (hba !== undefined) await writeFile(join(folder.data, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  const tls = certificate === undefined ? [] : await writeCertificate(folder, certificate);
  return await startIn(folder, [...(durable ? [] : ['fsync=off']), ...tls, ...settings]);
}

/** Returns the settings that turn TLS on. */
async function writeCertificate({ data, user }: Folder, { key, cert }: Certificate): Promise<string[]> {
  await writeFile(join(data, 'server.crt'), cert);
  await writeFile(join(data, 'server.key'), key, { mode: 0o600 });
  if (user !== undefined) await chown(join(data, 'server.key'), user.uid, user.gid);
  return ['ssl=on'];
}

interface Folder {
  readonly path: string;
  readonly data: string;
  readonly user: SystemUser | undefined;
}

/** Creates a folder in which `fill` makes the data. */
async function makeFolder(fill: (data: string, user: SystemUser | undefined) => void): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'mesh-postgres-'));
  const user = unprivilegedUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  const data = join(path, 'data');
  fill(data, user);
  return { path, data, user };
}

async function startIn({ path: folder, data, user }: Folder, extra: readonly string[]): Promise<PostgresServer> {
  const port = await freePort();
  const url = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;

  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${folder}`, ...extra];
  const command = [postgresProgram('postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  const start = async (): Promise<ChildProcess> => {
    const child = spawnGuarded(command, folder, user);
    await waitUntilReady(url('postgres'), child, folder);
    return child;
  };
  const mainPid = async (): Promise<number> => {
    const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
    return Number(pid);
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null) return;
    const pid = await mainPid();
    const ended = once(child, 'exit');
    process.kill(pid, signal);
    await ended;
  };
  const run = async (...statements: string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: url('postgres') });
    await client.connect();
    for (const sql of statements) await client.query(sql);
    await client.end();
  };

  let child = await start();
  return {
    url,
    port,
    mainPid,
    async restart() {
      await end(child, 'SIGINT');
      child = await start();
    },
    killImmediate: () => end(child, 'SIGQUIT'),
    async startStandby() {
      const copy = (data: string, user: SystemUser | undefined) =>
        runProgram('pg_basebackup', ['-D', data, '-R', '-d', url('postgres'), '-c', 'fast', '--no-sync'], user);
      return await startIn(await makeFolder(copy), extra);
    },
    promote: () => run('SELECT pg_promote()'),
    setReadOnly: (readOnly) =>
      run(`ALTER SYSTEM SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`, 'SELECT pg_reload_conf()'),
    async stop() {
      await end(child, 'SIGQUIT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Runs the server in a shell with a pipe to this process. When this process exits, even by kill -9, the pipe closes, and the
 * shell stops the server and removes its folder. It detects this case because its watcher can no longer be killed.
 */
function spawnGuarded(command: readonly string[], folder: string, user: SystemUser | undefined): ChildProcess {
  const guard = `"$@" 3<&- & server=$!
    { read -r _ <&3; kill -QUIT $server; } & watcher=$!
    wait $server; code=$?
    kill $watcher 2>&- || rm -rf "$0"
    exit $code`;
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn('/bin/sh', ['-c', guard, folder, ...command], {
    ...user,
    cwd: folder,
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  return child;
}

async function waitUntilReady(url: string, child: ChildProcess, folder: string): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (child.exitCode !== null) {
        const log = await readFile(join(folder, 'log'), 'utf8');
        throw new Error(`PostgreSQL did not start:\n${log}`, { cause: error });
      }
      await setTimeout(20);
    }
  }
}

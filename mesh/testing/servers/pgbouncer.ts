import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { spawnGuarded } from './guarded-process.ts';
import type { PostgresServer } from './postgres-server.ts';
import { isAtLeast, type TestServer } from './servers.ts';

/** A connection pooler in front of a PostgreSQL server, in transaction mode. */
export interface PgBouncer {
  /** The URL of a database of the server, through the pooler. */
  url(database: string): string;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  /** How many prepared statements it keeps on each connection to the server; 0: none. Needs version 1.21. Default: unset. */
  readonly maxPreparedStatements?: number;
  /** The maximum number of connections to the server for each database. Default: 4. */
  readonly poolSize?: number;
  /** `statement`: it refuses transactions. Default: `transaction`. */
  readonly mode?: 'transaction' | 'statement';
}

const program = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => existsSync(path));
const version = program && /\d+\.\d+\.\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0];

/** The installed PgBouncer, for `describeWithServer`. */
export const pgbouncer: TestServer = { name: 'PgBouncer', version };

/** The first version that can keep prepared statements. */
export const preparingVersion = '1.21';

/** Whether the installed PgBouncer can keep prepared statements. */
export const pgbouncerPrepares = isAtLeast(pgbouncer, preparingVersion);

/** Starts a pooler with its usual settings, on a free port. It exits when this process exits. */
export async function startPgBouncer(
  server: PostgresServer,
  { maxPreparedStatements, poolSize = 4, mode = 'transaction' }: PgBouncerOptions = {},
): Promise<PgBouncer> {
  if (program === undefined) throw new Error('PgBouncer is not installed: use describeWithServer');
  const folder = await mkdtemp(join(tmpdir(), 'mesh-pgbouncer-'));
  const port = await freePort();
  const [config, users, log] = ['pgbouncer.ini', 'users.txt', 'log'].map((name) => join(folder, name));
  await writeFile(
    String(config),
    `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 500
server_login_retry = 1
${maxPreparedStatements === undefined ? '' : `max_prepared_statements = ${maxPreparedStatements}`}
`,
  );
  await writeFile(String(users), '"postgres" ""\n');
  await chmod(folder, 0o755);
  // It refuses to run as root.
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawnGuarded({
    command: [program, ...asUser, String(config)],
    log: String(log),
    removeFolder: folder,
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start:\n${await readFile(String(log), 'utf8')}`);
    await setTimeout(20);
  }
  return {
    url: (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
    stop: () => child.end('KILL'),
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

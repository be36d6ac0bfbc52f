import { execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Certificate } from '../certificates.ts';
import { endOnAbort, type GuardedProcess, spawnGuarded } from './guarded-process.ts';

/** An isolated RabbitMQ node: it uses only these ports and this folder. */
export interface RabbitmqNode {
  readonly port: number;
  /** Port of the Erlang runtime, which uses its own name server on `epmdPort`. */
  readonly distributionPort: number;
  readonly epmdPort: number;
  /** A listener with TLS, next to the plain one. Default: none. */
  readonly tls?: { readonly port: number; readonly certificate: Certificate };
  /** The folder of its settings, data and log. */
  readonly folder: string;
  /** Removed if the process that started the node is killed. */
  readonly removeFolder?: string;
}

export interface RunningNode {
  /** Resolves when it has exited. */
  readonly ended: Promise<void>;
  /** Stops it gracefully (TERM) or kills it. */
  end(signal: 'TERM' | 'KILL'): Promise<void>;
  /** Suspends it with its connections open, or resumes it. */
  signal(signal: 'STOP' | 'CONT'): void;
  /** Runs `rabbitmqctl` with these arguments. */
  control(...args: readonly string[]): Promise<void>;
}

const execute = promisify(execFile);
const definitions = new URL('../../tasks/rabbitmq/definitions.json', import.meta.url);

// Debian's program on the path requires its own user and folders, so use the one it wraps.
const folders = ['/usr/lib/rabbitmq/bin', ...(process.env.PATH ?? '').split(delimiter)];
const program = folders.map((folder) => join(folder, 'rabbitmq-server')).find((file) => existsSync(file));

/** Returns the installed version of RabbitMQ, or undefined. */
export function installedRabbitmq(): string | undefined {
  if (program === undefined) return undefined;
  const [home] = globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*');
  const text = home ?? execFileSync('rabbitmqctl', ['version'], { encoding: 'utf8' });
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? text.trim();
}

/** Writes the settings of a node, with the policy for rejected tasks. Keeps its data. */
export async function prepareNode(node: RabbitmqNode): Promise<void> {
  await mkdir(node.folder, { recursive: true });
  const user = { name: 'guest', password: 'guest', tags: 'administrator' };
  const permission = { user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' };
  const all = {
    vhosts: [{ name: '/' }],
    users: [user],
    permissions: [permission],
    ...JSON.parse(await readFile(definitions, 'utf8')),
  };
  await writeFile(join(node.folder, 'definitions.json'), JSON.stringify(all));
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${node.port}`,
    `load_definitions = ${resolve(node.folder, 'definitions.json')}`,
    'log.console = true',
    'log.file = false',
    'disk_free_limit.absolute = 50MB',
    'vm_memory_high_watermark.absolute = 384MB',
    'raft.wal_max_size_bytes = 16777216',
  ];
  if (node.tls) settings.push(...(await tlsSettings(node, node.tls)));
  await writeFile(join(node.folder, 'rabbitmq.conf'), `${settings.join('\n')}\n`);
  await writeFile(join(node.folder, 'enabled_plugins'), '[].\n');
}

async function tlsSettings(
  { folder }: RabbitmqNode,
  { port, certificate }: NonNullable<RabbitmqNode['tls']>,
): Promise<string[]> {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => resolve(folder, name)) as [string, string];
  await writeFile(key, certificate.key);
  await writeFile(cert, certificate.cert);
  return [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
    'ssl_options.verify = verify_none',
  ];
}

/**
 * Starts a prepared node and waits until it accepts connections. It exits when this process exits. `stopping` ends it while it
 * starts.
 */
export async function startNode(node: RabbitmqNode, stopping?: AbortSignal): Promise<RunningNode> {
  if (program === undefined) throw new Error('RabbitMQ is not installed: run "make deps"');
  if (await takesConnections(node.port)) {
    throw new Error(`port ${node.port} is in use by another RabbitMQ: stop it or use it as it is`);
  }
  const log = join(node.folder, 'log');
  const keep = node.removeFolder === undefined ? {} : { removeFolder: node.removeFolder };
  // Erlang would start one that is not stopped.
  const epmd = ['epmd', '-port', `${node.epmdPort}`, '-address', '127.0.0.1'];
  const nameServer = spawnGuarded({ command: epmd, log });
  const broker = spawnGuarded({ command: ['env', ...environment(node), program], log, ...keep });
  const end = async (signal: 'TERM' | 'KILL') => {
    await broker.end(signal);
    await nameServer.end('KILL');
  };
  endOnAbort(broker, 'TERM', stopping);
  try {
    await answers(node, broker);
  } catch (error) {
    await end('KILL');
    throw error;
  }
  const control = async (...args: readonly string[]) => {
    await execute('env', [...environment(node), join(dirname(program), 'rabbitmqctl'), ...args]);
  };
  return { ended: broker.ended, end, signal: broker.signal, control };
}

function environment(node: RabbitmqNode): string[] {
  const file = (name: string) => resolve(node.folder, name);
  return [
    `HOME=${resolve(node.folder)}`,
    `RABBITMQ_NODENAME=rabbit-${node.port}@localhost`,
    `RABBITMQ_DIST_PORT=${node.distributionPort}`,
    `ERL_EPMD_PORT=${node.epmdPort}`,
    `RABBITMQ_MNESIA_BASE=${file('data')}`,
    `RABBITMQ_LOG_BASE=${file('logs')}`,
    `RABBITMQ_PID_FILE=${file('pid')}`,
    `RABBITMQ_CONFIG_FILE=${file('rabbitmq.conf')}`,
    `RABBITMQ_ENABLED_PLUGINS_FILE=${file('enabled_plugins')}`,
    'RABBITMQ_CONF_ENV_FILE=/dev/null',
    // Makes the script exec the broker, so signals reach it.
    'RUNNING_UNDER_SYSTEMD=true',
    'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none',
  ];
}

async function answers(node: RabbitmqNode, broker: GuardedProcess): Promise<void> {
  while (!(await takesConnections(node.port))) {
    if (broker.exitCode !== null) {
      const log = await readFile(join(node.folder, 'log'), 'utf8');
      throw new Error(`RabbitMQ did not start:\n${log.slice(-4_000)}`);
    }
    await setTimeout(50);
  }
}

/** The broker listens before it is ready, but sends its greeting only then. */
function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('AMQP\x00\x00\x09\x01'));
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.on('data', () => settle(true));
    socket.on('close', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A Docker engine of this program alone: next to one that runs on the machine, it shares nothing with it. */
export interface DockerEngine extends AsyncDisposable {
  /** Runs `docker` with these arguments. Returns what it printed, without the last line break. */
  docker(...args: readonly string[]): Promise<string>;
  /** Runs Docker Compose on docker-compose.yml, with further variables. */
  compose(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<string>;
  /** What programs need to reach it. */
  readonly environment: NodeJS.ProcessEnv;
}

const run = promisify(execFile);
const maxOutputBytes = 64 * 1024 * 1024;
/** The name of the project, and with it of the network and of the volumes. */
export const project = 'ordermesh-verify';

/** Starts the engine with all of its files in `folder`. Throws with the place of its log if it does not start. */
export async function startEngine(folder: string): Promise<DockerEngine> {
  await mkdir(folder, { recursive: true });
  // The path of a socket has at most 107 bytes.
  const socket = join('/run', `${project}.sock`);
  const log = join(folder, 'dockerd.log');
  const config = await writeConfig(folder);
  const policy = await forwardPolicy();
  if (policy === 'DROP')
    process.stderr.write(
      'this machine forwards no packets, which a Docker engine that was killed leaves so: iptables -P FORWARD ACCEPT\n',
    );
  const output = openSync(log, 'a');
  const daemon = spawn(
    'dockerd',
    [
      ...['--data-root', join(folder, 'data'), '--exec-root', join('/run', project)],
      ...['--pidfile', join('/run', `${project}.pid`), '--host', `unix://${socket}`],
      ...['--bridge', 'none', '--default-address-pool', 'base=10.213.0.0/16,size=24'],
    ],
    // Ctrl-C is for this program, which then stops the containers.
    { stdio: ['ignore', output, output], detached: true },
  );
  // It has no number then, so `untilReady` throws.
  daemon.once('error', ({ message }) => appendFileSync(log, `${message}\n`));
  closeSync(output);
  const environment = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: config,
    // Debian's engine has the classic builder only.
    DOCKER_BUILDKIT: '0',
    COMPOSE_PROJECT_NAME: project,
  };
  const call = async (file: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    const env = { ...environment, ...more };
    const { stdout } = await run(file, args, { env, maxBuffer: maxOutputBytes });
    return stdout.trimEnd();
  };
  const docker = (...args: readonly string[]) => call('docker', args);
  try {
    await untilReady(daemon, socket, docker, log);
  } catch (error) {
    await stop(daemon, policy);
    throw error;
  }
  return {
    docker,
    compose: (args, more) => call('docker', ['compose', ...args], more),
    environment,
    [Symbol.asyncDispose]: async () => {
      await stop(daemon, policy);
      await rm(socket, { force: true });
    },
  };
}

/** Lets `docker compose` be the Compose of `make deps`. Returns the folder of the file. */
async function writeConfig(folder: string): Promise<string> {
  const config = join(folder, 'config');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [resolve('.tools/bin')] }));
  return config;
}

async function untilReady(
  daemon: ChildProcess,
  socket: string,
  docker: (...args: readonly string[]) => Promise<string>,
  log: string,
): Promise<void> {
  const lateMs = Date.now() + 120_000;
  while (Date.now() < lateMs && isRunning(daemon)) {
    if (existsSync(socket)) {
      try {
        await docker('info');
        return;
      } catch {
        // Not ready yet.
      }
    }
    await sleep(200);
  }
  throw new Error(`the Docker engine did not start: see ${log}`);
}

/** Whether this machine forwards packets: `ACCEPT` or `DROP`. */
async function forwardPolicy(): Promise<string> {
  const { stdout } = await run('iptables', ['-S', 'FORWARD']);
  return stdout.split(/\s/)[2] ?? 'ACCEPT';
}

/** It may have been killed, for lack of memory. */
function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Ends the engine, which has set the policy to DROP, and sets it to what it was. */
async function stop(daemon: ChildProcess, policy: string): Promise<void> {
  if (isRunning(daemon)) {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await ended;
  }
  await run('iptables', ['-P', 'FORWARD', policy]);
}

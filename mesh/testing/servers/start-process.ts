import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClientFactory, createClientFactory } from '../../client/client-factory.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { engineNameOfRun, engineOfRun } from '../engine-of-run.ts';

export interface ProcessOptions {
  readonly dataDir: string;
  /** Relative to the project's root. Default: `services/main.ts`. */
  readonly main?: string;
  readonly args?: readonly string[];
  /** Settings besides the data folder and a free port. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A file descriptor for its output. Default: pipes, collected in `stdout` and `stderr`. */
  readonly output?: number;
}

/** Exit code or signal of a process. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the project. It is killed when it goes out of scope or the test process exits. */
export interface SpawnedProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  stdout(): string;
  stderr(): string;
}

/** A process that is serving. */
export interface StartedProcess extends SpawnedProcess {
  readonly address: string;
  /** Creates clients with the same deadlines, retries and breakers as between services. */
  readonly client: ClientFactory['client'];
  /** Kills it like a power cut: no handler runs. */
  kill9(): Promise<void>;
  /** Stops it with SIGTERM and waits until it exits. */
  stop(): Promise<Ending>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Halves the start time: tests start many processes. */
const compileCache = join(root, '.cache', 'compile');

/** Spawns a process without waiting for it to serve. */
export function spawnProcess({
  dataDir,
  main = 'services/main.ts',
  args = [],
  environment,
  output,
}: ProcessOptions): SpawnedProcess {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: root,
    stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: compileCache,
      GRPC_LISTEN: '127.0.0.1:0',
      LOG_LEVEL: 'warn',
      DATA_DIR: dataDir,
      GRPC_ENGINE: engineNameOfRun,
      ...environment,
    },
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'close').then(([code, signal]): Ending => {
    process.removeListener('exit', kill);
    return { code, signal };
  });
  return {
    child,
    ended,
    stdout: collect(child.stdout),
    stderr: collect(child.stderr),
    [Symbol.asyncDispose]: async () => {
      kill();
      await ended;
    },
  };
}

/** Spawns a process and waits until it is serving. Throws with its output if it exits before. */
export async function startProcess(options: ProcessOptions): Promise<StartedProcess> {
  const spawned = spawnProcess(options);
  const address = await addressOf(spawned);
  const clients = createClientFactory({
    engine: engineOfRun,
    resolve: () => address,
    clock: systemClock,
    logger: createLogger('fatal'),
  });
  const end = async (signal: NodeJS.Signals) => {
    spawned.child.kill(signal);
    const ending = await spawned.ended;
    clients.close();
    return ending;
  };
  return {
    ...spawned,
    address,
    client: clients.client,
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}

async function addressOf(spawned: SpawnedProcess): Promise<string> {
  const ready = new Promise<string>((resolve) => {
    spawned.child.stdout?.on('data', () => {
      const address = /^ready grpc=(\S+)/m.exec(spawned.stdout())?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const address = await Promise.race([ready, spawned.ended]);
  if (typeof address === 'string') return address;
  throw new Error(`the process exited before it was serving (${JSON.stringify(address)}):\n${spawned.stderr()}`);
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

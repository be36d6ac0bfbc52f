import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClients } from '../../app/program-clients.ts';
import type { ClientFactory } from '../../client/client-factory.ts';
import { engineNameOfRun, engineOfRun } from '../engine-of-run.ts';
import { type Ending, type SpawnedProcess, spawnCommand } from './spawn-command.ts';

export interface ProcessOptions {
  readonly dataDir: string;
  /** Relative to the project's root. Default: `services/main.ts`. */
  readonly main?: string;
  readonly args?: readonly string[];
  /** A command that runs the process: `ip netns exec <namespace>`. Default: none. */
  readonly through?: readonly string[];
  /** Settings besides the data folder and a free port. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A file descriptor for its output. Default: pipes, collected in `stdout` and `stderr`. */
  readonly output?: number;
}

/** A process that is serving. */
export interface StartedProcess extends SpawnedProcess {
  readonly address: string;
  /** `host:port` of its HTTP listener; `undefined` if it has none, as by default. */
  readonly httpAddress: string | undefined;
  /** Creates clients with the same deadlines, retries and breakers as between services. */
  readonly client: ClientFactory['client'];
  /** Kills it like a power cut: no handler runs. */
  kill9(): Promise<void>;
  /** Stops it with SIGTERM and waits until it exits. */
  stop(): Promise<Ending>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Halves the start time: tests start many processes. */
export const compileCache = join(root, '.cache', 'compile');

/** Spawns a process without waiting for it to serve. */
export function spawnProcess({
  dataDir,
  main = 'services/main.ts',
  args = [],
  through = [],
  environment,
  output,
}: ProcessOptions): SpawnedProcess {
  return spawnCommand({
    command: [...through, process.execPath, main, ...args],
    output,
    environment: {
      NODE_COMPILE_CACHE: compileCache,
      GRPC_LISTEN: '127.0.0.1:0',
      HTTP_LISTEN: 'off',
      LOG_LEVEL: 'warn',
      DATA_DIR: dataDir,
      GRPC_ENGINE: engineNameOfRun,
      ...environment,
    },
  });
}

/** Spawns a process and waits until it is serving. Throws with its output if it exits before. */
export async function startProcess(options: ProcessOptions): Promise<StartedProcess> {
  const spawned = spawnProcess(options);
  const [, address = '', httpAddress] = await spawned.printed(/^ready grpc=(\S+)(?: http=(\S+))?/m);
  const clients = await createClients(address, { engine: engineOfRun, logLevel: 'fatal' });
  const end = async (signal: NodeJS.Signals) => {
    const ending = await spawned.end(signal);
    clients.close();
    return ending;
  };
  return {
    ...spawned,
    end,
    address,
    httpAddress,
    client: clients.client,
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}

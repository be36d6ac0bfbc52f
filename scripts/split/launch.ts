import { type ChildProcess, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { PlannedProcess } from './plan.ts';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that was started, perhaps not serving yet. */
export interface LaunchedProcess {
  readonly pid: number | undefined;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  /** Resolves when it has ended and all its output was read. */
  readonly ended: Promise<Ending>;
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Starts a process with its settings. */
export type Launch = (process: PlannedProcess) => LaunchedProcess;

/** How the processes of a mesh are started. */
export interface Launches {
  /** Starts an instance of a service. It has a process group of its own, so Ctrl-C reaches only the supervisor. */
  readonly service: Launch;
  /**
   * Starts a gateway. All gateways accept from one socket, which this process keeps open: while one is replaced, callers reach the
   * others, and connections that wait in the socket's queue are not lost.
   */
  readonly gateway: Launch;
}

const services = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const leash = new URL('./leash.ts', import.meta.url).href;

/** Where Node keeps compiled code, which halves the start time. */
export const compileCache =
  process.env.NODE_COMPILE_CACHE || fileURLToPath(new URL('../../.cache/compile', import.meta.url));
const quickStart = { NODE_COMPILE_CACHE: compileCache };

/** Starts processes that run `main` with the name of their service. Default: `services/main.ts`. */
export function createLaunches(main = services): Launches {
  return {
    service({ service, environment }) {
      const child = spawn(process.execPath, ['--import', leash, main, service], {
        env: { ...process.env, ...quickStart, ...environment },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        detached: true,
      });
      // The end of the child closes it.
      child.stdio[3]?.on('error', () => undefined);
      return asLaunched(child);
    },
    gateway({ service, environment }) {
      cluster.schedulingPolicy = cluster.SCHED_NONE;
      const execArgv = ['--import', leash];
      cluster.setupPrimary({ exec: main, execArgv, args: [service], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
      return asLaunched(cluster.fork({ ...quickStart, ...environment }).process);
    },
  };
}

function asLaunched(child: ChildProcess): LaunchedProcess {
  const { pid, stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError('the output of the process is not piped');
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  child.once('error', () => resolve({ code: null, signal: null }));
  child.once('close', (code, signal) => resolve({ code, signal }));
  return { pid, stdout, stderr, ended, signal: (name) => void child.kill(name) };
}

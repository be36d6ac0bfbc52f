import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { sendCommand } from '../split/control.ts';
import { controlSocket } from '../split/run.ts';

/** A mesh of many processes, as `make start-split` runs it. */
export interface SplitMesh extends AsyncDisposable {
  /** `host:port` of the gateway. */
  readonly address: string;
  /** `host:port` of its HTTP listener; empty if `HTTP_LISTEN` is off. */
  readonly httpAddress: string;
  /** Its processes that run, such as `order-1`, without the supervisor. */
  processes(): readonly RunningProcess[];
  /** Replaces the processes of a service one after another. */
  restart(service: string): Promise<void>;
  /** Ends it like Ctrl-C. Resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface RunningProcess {
  readonly name: string;
  readonly service: string;
  readonly pid: number;
}

export interface SplitMeshOptions {
  readonly dataDir: string;
  /** A file for the log of all processes. */
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Ends it like Ctrl-C, also while it starts. */
  readonly signal?: AbortSignal;
}

const main = fileURLToPath(new URL('leashed-split.ts', import.meta.url));

/**
 * Starts a mesh and waits until all processes serve. Throws with the place of its log if it cannot, and what `signal` aborts
 * with if it has aborted before. The mesh drains when this program ends, even by kill -9.
 */
export async function startSplitMesh(options: SplitMeshOptions): Promise<SplitMesh> {
  const { dataDir, log, environment, signal } = options;
  signal?.throwIfAborted();
  const output = openSync(log, 'a');
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ...environment, DATA_DIR: dataDir },
    // It writes its log itself, so it can log how it drained after this program has ended.
    stdio: ['ignore', 'pipe', output, 'pipe'],
    // Ctrl-C is for this program, which then stops the mesh.
    detached: true,
  });
  closeSync(output);
  // The end of the child closes it.
  child.stdio[3]?.on('error', () => undefined);
  const ended = once(child, 'exit').then(([code]): number | null => code);
  let isInterrupted = false;
  const interrupt = () => {
    // A second signal would kill its processes.
    if (!isInterrupted) child.kill('SIGINT');
    isInterrupted = true;
  };
  signal?.addEventListener('abort', interrupt);
  const ready = await Promise.race([readAddresses(child.stdout as Readable), ended.then(() => undefined)]);
  if (ready === undefined) {
    await ended;
    throw new Error(`the split mesh did not start: see ${log}`);
  }
  const stop = async () => {
    interrupt();
    return await ended;
  };
  return {
    ...ready,
    processes: () => childrenOf(child.pid ?? 0),
    restart: (service) => sendCommand(controlSocket(dataDir), ['restart', service], () => undefined),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function readAddresses(output: NodeJS.ReadableStream) {
  for await (const line of createInterface({ input: output })) {
    const [, address, httpAddress = ''] = /^ready grpc=(\S+)(?: http=(\S+))?/.exec(line) ?? [];
    if (address !== undefined) return { address, httpAddress };
  }
  return undefined;
}

/** The processes of a supervisor: its children with a service as last argument, whose data folders have their names. */
function childrenOf(supervisor: number): readonly RunningProcess[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(parent) !== supervisor || state === 'Z') return [];
      const service = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').at(-2) ?? '';
      const environment = readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0');
      // Those of gateways have `.1` and `.2` in turn.
      const folder = basename(environment.find((variable) => variable.startsWith('DATA_DIR=')) ?? '');
      const name = folder.replace(/\.\d+$/, '');
      return name.startsWith(`${service}-`) ? [{ name, service, pid: Number(entry) }] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { sendCommand } from '../split/control.ts';
import { controlSocket } from '../split/run.ts';

/** A mesh of many processes, as `make start-split` runs it. */
export interface SplitMesh extends AsyncDisposable {
  /** `host:port` of the door. */
  readonly address: string;
  /** Of its supervisor. */
  readonly pid: number;
  /** Replaces the processes of a service one after another. */
  restart(service: string): Promise<void>;
  /** Ends it like Ctrl-C. Resolves with its exit code. */
  stop(): Promise<number | null>;
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
 * Starts a mesh and waits until all processes serve. Throws with the place of its log if it cannot. It drains when this program
 * ends, even by kill -9.
 */
export async function startSplitMesh(options: SplitMeshOptions): Promise<SplitMesh> {
  const { dataDir, log, environment, signal } = options;
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
  const interrupt = () => void child.kill('SIGINT');
  signal?.addEventListener('abort', interrupt);
  const address = await Promise.race([readAddress(child.stdout as Readable), ended.then(() => undefined)]);
  if (address === undefined) {
    await ended;
    throw new Error(`the split mesh did not start: see ${log}`);
  }
  const stop = async () => {
    // A second signal would kill its processes.
    if (signal?.aborted !== true) interrupt();
    return await ended;
  };
  return {
    address,
    pid: child.pid ?? 0,
    restart: (service) => sendCommand(controlSocket(dataDir), ['restart', service], () => undefined),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function readAddress(output: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: output })) {
    const [, address] = /^ready grpc=(\S+)/.exec(line) ?? [];
    if (address !== undefined) return address;
  }
  return undefined;
}

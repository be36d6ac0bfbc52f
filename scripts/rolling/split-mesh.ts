import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
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
}

const main = fileURLToPath(new URL('../split.ts', import.meta.url));

/** Starts a mesh and waits until all processes serve. Throws with the place of its log if it cannot. */
export async function startSplitMesh({ dataDir, log, environment }: SplitMeshOptions): Promise<SplitMesh> {
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ...environment, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for this program, which then stops the mesh.
    detached: true,
  });
  const kill = () => void child.kill('SIGTERM');
  process.once('exit', kill);
  child.stderr.pipe(createWriteStream(log, { flags: 'a' }));
  const ended = once(child, 'exit').then(([code]): number | null => {
    process.removeListener('exit', kill);
    return code;
  });
  const address = await Promise.race([readAddress(child.stdout), ended.then(() => undefined)]);
  if (address === undefined) throw new Error(`the split mesh did not start: see ${log}`);
  const stop = async () => {
    child.kill('SIGINT');
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

import { readFile } from 'node:fs/promises';
import { eventually } from '../eventually.ts';
import type { TempFolder } from '../temp-folder.ts';
import { type GuardedProcess, spawnGuarded } from './guarded-process.ts';

/** A server that a test kills and starts again. It stops when it goes out of scope or the test process exits. */
export interface RestartableServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`; the same after each start. */
  readonly address: string;
  /** Kills it; does nothing if it is not running. */
  kill(): Promise<void>;
  /** Starts it if it is not running, and waits until it is ready. */
  start(): Promise<void>;
}

interface ServerOptions {
  /** Runs the server in the foreground. */
  readonly command: readonly string[];
  readonly address: string;
  /** Removed with the server. */
  readonly folder: TempFolder;
  readonly log: string;
  /** Rejects while it is not ready. */
  readonly isReady: () => Promise<void>;
  /** How long a start may take. Default: 60 s. */
  readonly startTimeoutMs?: number;
}

/** Starts a server. Throws with its output if it exits before it is ready. */
export async function restartable({
  command,
  address,
  folder,
  log,
  isReady,
  startTimeoutMs = 60_000,
}: ServerOptions): Promise<RestartableServer> {
  let child: GuardedProcess | undefined;
  const server: RestartableServer = {
    address,
    async kill() {
      await child?.end('KILL');
      child = undefined;
    },
    async start() {
      if (child) return;
      const started = spawnGuarded({ command, log, removeFolder: folder.path });
      child = started;
      await eventually(
        async () => {
          if (started.exitCode === null) await isReady();
        },
        { timeoutMs: startTimeoutMs, intervalMs: 50 },
      );
      if (started.exitCode !== null) throw new Error(`${command.join(' ')} exited:\n${await readFile(log, 'utf8')}`);
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
  await server.start();
  return server;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A worker in its own process that never finishes a task. */
export interface CrashingWorker {
  /** Resolves with the id of the next task that it takes. */
  nextTask(): Promise<string>;
  /** Kills it. */
  kill(): Promise<void>;
}

const program = fileURLToPath(new URL('./hanging-embedded-worker.ts', import.meta.url));

/** Starts a process that opens the queue in `file`, enqueues task `a` and hangs on every task. */
export async function startCrashingWorker(file: string, queue: string): Promise<CrashingWorker> {
  const child = spawn(process.execPath, [program, file, queue], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async nextTask() {
      const line = await lines.next();
      return line.done ? `the worker ended: ${child.exitCode}` : line.value;
    },
    kill: () => killNow(child),
  };
}

async function killNow(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

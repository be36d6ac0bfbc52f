import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface CommandOptions {
  readonly command: readonly string[];
  /** Default: the project's root. */
  readonly cwd?: string;
  /** Besides the path. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** A file descriptor for its output. Default: pipes, collected in `stdout` and `stderr`. */
  readonly output?: number | undefined;
  /** Whether what the command starts is killed with it. Default: false. */
  readonly isGroup?: boolean;
}

/** Exit code or signal of a process. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running command. It is killed when it goes out of scope or the test process exits. */
export interface SpawnedProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  stdout(): string;
  stderr(): string;
  /** Kills it without waiting for its end, or its whole group. */
  kill(): void;
  /** Sends a signal and waits until it exits. SIGKILL is like a power cut: no handler runs. */
  end(signal: NodeJS.Signals): Promise<Ending>;
  /** Waits until its output matches. Throws with its output if it exits before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Kills what still runs. One listener, however many there are. */
const atExit = new Set<() => void>();
process.once('exit', () => {
  for (const kill of atExit) kill();
});

/** Spawns a command without waiting for its output. */
export function spawnCommand({
  command,
  cwd = root,
  environment,
  output,
  isGroup = false,
}: CommandOptions): SpawnedProcess {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd,
    stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'],
    env: { PATH: process.env.PATH, ...environment },
    detached: isGroup,
  });
  let hasEnded = false;
  const kill = () => {
    if (isGroup && !hasEnded) killGroup(child.pid);
    else child.kill('SIGKILL');
  };
  atExit.add(kill);
  const ended = once(child, 'close').then(([code, signal]): Ending => {
    hasEnded = true;
    atExit.delete(kill);
    return { code, signal };
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];

  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    const streams = [child.stdout, child.stderr];
    const { promise: matched, resolve } = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const match = pattern.exec(stdout()) ?? pattern.exec(stderr());
      if (match) resolve(match);
    };
    for (const stream of streams) stream?.on('data', look);
    look();
    const match = await Promise.race([matched, ended]);
    for (const stream of streams) stream?.off('data', look);
    if (Array.isArray(match)) return match;
    throw new Error(`${command.join(' ')} exited (${JSON.stringify(match)}):\n${stdout()}${stderr()}`);
  }

  return {
    child,
    ended,
    stdout,
    stderr,
    printed,
    kill,
    async end(signal) {
      child.kill(signal);
      return await ended;
    },
    async [Symbol.asyncDispose]() {
      kill();
      await ended;
    },
  };
}

/** Kills a process group, if one of its processes still runs. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

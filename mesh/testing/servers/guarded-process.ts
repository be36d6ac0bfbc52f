import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

/** A child process that never outlives this process. `removeFolder`, if set, is removed when this process is killed. */
export interface GuardedProcess {
  readonly exitCode: number | null;
  /** Resolves when it has exited. */
  readonly ended: Promise<void>;
  /** Suspends it with its connections open, or resumes it. */
  signal(signal: 'STOP' | 'CONT'): void;
  /** Sends a signal and waits until it exits. */
  end(signal: 'INT' | 'TERM' | 'KILL'): Promise<void>;
}

/** A command whose output is appended to the file `log`. */
export interface GuardedCommand {
  readonly command: readonly string[];
  readonly log: string;
  readonly removeFolder?: string;
  /** Default: the folder of this process. */
  readonly cwd?: string;
  /** The user that runs it. Default: the user of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** A file descriptor of this process that it gets as its descriptor 4. */
  readonly opened?: number;
}

/**
 * Runs the command in a shell with a pipe to this process. The shell reads signals to send from the pipe. When this process
 * exits, even by kill -9, the pipe closes and the shell kills the child. Only then does the watcher exit with success.
 */
const guard = `"$@" 3<&- & server=$!
  { while read -r signal <&3; do kill -$signal $server; done
    trap '' TERM; kill -KILL $server 2>&-; } & watcher=$!
  wait $server; code=$?
  kill -TERM $watcher 2>&-
  wait $watcher && [ "$0" != keep ] && rm -rf "$0"
  exit $code`;

/** Starts a command that exits when this process exits. */
export function spawnGuarded(options: GuardedCommand): GuardedProcess {
  const { command, log, removeFolder = 'keep', cwd, user, opened } = options;
  const output = openSync(log, 'a');
  const child: ChildProcess = spawn('/bin/sh', ['-c', guard, removeFolder, ...command], {
    stdio: ['ignore', output, output, 'pipe', ...(opened === undefined ? [] : [opened])],
    ...user,
    ...(cwd !== undefined && { cwd }),
    // Ctrl-C signals the whole group: it must not kill the child before this process has stopped what uses it.
    detached: true,
  });
  closeSync(output);
  const ended = once(child, 'exit');
  const signals = child.stdio[3];
  // A child that has just exited no longer reads signals.
  signals?.on('error', () => undefined);
  const send = (signal: string) => {
    if (signals && 'write' in signals && child.exitCode === null) signals.write(`${signal}\n`);
  };
  return {
    get exitCode() {
      return child.exitCode;
    },
    ended: ended.then(() => undefined),
    signal: send,
    async end(signal) {
      send(signal);
      await ended;
    },
  };
}

/** Ends a child when `signal` aborts. */
export function endOnAbort(child: GuardedProcess, by: 'INT' | 'TERM', signal: AbortSignal | undefined): void {
  if (signal?.aborted) void child.end(by);
  signal?.addEventListener('abort', () => void child.end(by));
}

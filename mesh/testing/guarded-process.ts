import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';

/** A child that does not outlive this process, however that ends; then `removeFolder`, if named, is removed as well. */
export interface GuardedProcess {
  readonly exitCode: number | null;
  /** Stops it where it is, with its connections open, or lets it continue. */
  signal(signal: 'STOP' | 'CONT'): void;
  /** Sends a signal to it and resolves when it has ended; at once when it has already. */
  end(signal: 'TERM' | 'KILL'): Promise<void>;
}

/** What `spawnGuarded` starts, with its standard output and errors appended to the file `log`. */
export interface GuardedCommand {
  readonly command: readonly string[];
  readonly log: string;
  readonly removeFolder?: string;
}

/**
 * A shell stands between: its pipe closes when this process is gone, also by kill -9, and then it ends the child. What it
 * reads from the pipe until then is the signal to send. Its watcher ends by itself, and not by TERM, only when it was so.
 */
const guard = `"$@" 3<&- & server=$!
  { while read -r signal <&3; do kill -$signal $server; done
    trap '' TERM; kill -KILL $server 2>&-; } & watcher=$!
  wait $server; code=$?
  kill -TERM $watcher 2>&-
  wait $watcher && [ "$0" != keep ] && rm -rf "$0"
  exit $code`;

/** Starts a command that ends with this process. */
export function spawnGuarded({ command, log, removeFolder = 'keep' }: GuardedCommand): GuardedProcess {
  const output = openSync(log, 'a');
  const child: ChildProcess = spawn('/bin/sh', ['-c', guard, removeFolder, ...command], {
    stdio: ['ignore', output, output, 'pipe'],
    // Ctrl-C goes to a whole group: it must not take the child before this process has ended what uses it.
    detached: true,
  });
  closeSync(output);
  const ended = once(child, 'exit');
  const signals = child.stdio[3];
  // A child that has just ended takes no signal any more.
  signals?.on('error', () => undefined);
  const send = (signal: string) => {
    if (signals && 'write' in signals && child.exitCode === null) signals.write(`${signal}\n`);
  };
  return {
    get exitCode() {
      return child.exitCode;
    },
    signal: send,
    async end(signal) {
      send(signal);
      await ended;
    },
  };
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

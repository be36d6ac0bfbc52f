import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpuSecondsOf, loadCore, pin } from '../server.ts';

/** A client in its own process, on the core of the load. */
export interface Caller extends AsyncDisposable {
  cpuSeconds(): number;
  /** Calls GetUser `count` times. Throws if a call fails. */
  call(count: number): Promise<void>;
}

/** Starts a caller from `bench/peers` that calls the server at `address`. */
export function startCaller(main: string, address: string): Caller {
  const child = fork(new URL(`../../peers/${main}`, import.meta.url), [address]);
  const pid = child.pid ?? Number.NaN;
  pin(pid, loadCore);
  const ended = once(child, 'exit');
  return {
    cpuSeconds: () => cpuSecondsOf(pid),
    call: (count) => callThrough(child, count, ended),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function callThrough(child: ChildProcess, count: number, ended: Promise<unknown>): Promise<void> {
  child.send(count);
  const answer = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (answer === undefined) throw new Error('a caller exited before its calls were done: see its output');
}

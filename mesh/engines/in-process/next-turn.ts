import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers';

/** Runs work without the asynchronous context of its caller: what arrives over a connection has none either. */
export const withoutContext = AsyncLocalStorage.snapshot();

let waiting: (() => void)[] = [];

/**
 * Runs `work` in the next turn of the event loop, with all other work of this turn, and without the context of the caller. So
 * calls that follow each other leave time for timers and sockets, as those over a connection do. `work` must not throw.
 */
export function inNextTurn(work: () => void): void {
  if (waiting.push(work) === 1) withoutContext(setImmediate, runAll);
}

function runAll(): void {
  const all = waiting;
  waiting = [];
  for (const work of all) work();
}

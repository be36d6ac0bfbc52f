import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';

// To undo what was begun; a list that does not heed the signal is left alone after that.
const graceMs = 1_000;

/**
 * Passes on what a list gives. Once `signal` aborts it ends the list, whatever that waits for, gives it a second for that,
 * and throws what the signal aborted with. Whoever stops reading ends the list too.
 */
export async function* untilAborted<T>(list: AsyncIterable<T>, signal: AbortSignal, clock: Clock): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = list[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (!next) break;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    const ended = Promise.allSettled([iterator.return?.()]);
    await (signal.aborted ? within(ended, graceMs, clock).catch(() => undefined) : ended);
  }
  signal.throwIfAborted();
}

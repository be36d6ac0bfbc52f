import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';

// For its cleanup. A list that ignores the signal is abandoned after that.
const graceMs = 1_000;

/**
 * Yields the elements of a list. When `signal` aborts, it ends the list, waits up to a second for that, and throws what
 * the signal aborted with. When the reader stops, the list ends too.
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

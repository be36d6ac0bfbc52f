type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * Runs `work` for each element, at most `limit` at a time, and yields the results in the order in which they complete. Throws
 * the first error. When it ends, no work is in progress.
 */
export async function* mapConcurrently<T, R>(
  list: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (element: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running = new Set<Promise<Outcome<R>>>();
  const done: Outcome<R>[] = [];
  const begin = (element: T) => {
    // Never rejects, because nobody awaits it while the list or the reader is slow.
    const job = settle(work(element)).then((outcome) => {
      running.delete(job);
      done.push(outcome);
      return outcome;
    });
    running.add(job);
  };
  try {
    for await (const element of list) {
      begin(element);
      if (running.size >= limit) await Promise.race(running);
      yield* drain(done);
    }
    while (running.size > 0) {
      await Promise.race(running);
      yield* drain(done);
    }
  } finally {
    await Promise.all(running);
  }
}

async function settle<R>(work: Promise<R>): Promise<Outcome<R>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

function* drain<R>(done: Outcome<R>[]): Generator<R, void, undefined> {
  for (let outcome = done.shift(); outcome; outcome = done.shift()) {
    if ('error' in outcome) throw outcome.error;
    yield outcome.value;
  }
}

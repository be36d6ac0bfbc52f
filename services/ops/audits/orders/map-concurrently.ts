type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * Does `work` for each element of a list, at most `limit` at once, and yields what it resolves with, in the order in which
 * it does. Throws what one rejects with. Nothing is under way any more when it ends.
 */
export async function* mapAtOnce<T, R>(
  list: AsyncIterable<T>,
  limit: number,
  work: (element: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay = new Set<Promise<Outcome<R>>>();
  const done: Outcome<R>[] = [];
  const begin = (element: T) => {
    // Never rejects: nobody waits for it while the list or the reader is slow.
    const job = settle(work(element)).then((outcome) => {
      underWay.delete(job);
      done.push(outcome);
      return outcome;
    });
    underWay.add(job);
  };
  try {
    for await (const element of list) {
      begin(element);
      if (underWay.size >= limit) await Promise.race(underWay);
      yield* taken(done);
    }
    while (underWay.size > 0) {
      await Promise.race(underWay);
      yield* taken(done);
    }
  } finally {
    await Promise.all(underWay);
  }
}

async function settle<R>(work: Promise<R>): Promise<Outcome<R>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

function* taken<R>(done: Outcome<R>[]): Generator<R, void, undefined> {
  for (let outcome = done.shift(); outcome; outcome = done.shift()) {
    if ('error' in outcome) throw outcome.error;
    yield outcome.value;
  }
}

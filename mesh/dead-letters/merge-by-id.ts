/** Anything that is listed in the order of its id. */
interface Identified {
  readonly id: string;
}

/**
 * Merges lists that are in id order into one in id order. Holds one element of each list; whoever stops reading ends
 * them all.
 */
export async function* mergeById<T extends Identified>(
  lists: readonly AsyncIterable<T>[],
): AsyncGenerator<T, void, undefined> {
  const iterators = lists.map((list) => list[Symbol.asyncIterator]());
  try {
    const heads = new Map<AsyncIterator<T>, T>();
    const advance = async (iterator: AsyncIterator<T>) => {
      const next = await iterator.next();
      if (next.done) heads.delete(iterator);
      else heads.set(iterator, next.value);
    };
    for (const iterator of iterators) await advance(iterator);
    for (let least = leastOf(heads); least; least = leastOf(heads)) {
      const [iterator, element] = least;
      yield element;
      await advance(iterator);
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function leastOf<K, T extends Identified>(heads: ReadonlyMap<K, T>): [K, T] | undefined {
  let least: [K, T] | undefined;
  for (const head of heads) {
    if (!least || head[1].id < least[1].id) least = head;
  }
  return least;
}

interface Identified {
  readonly id: string;
}

/** Merges lists in id order into one. Holds one element of each list. When the reader stops, all lists end. */
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
    await Promise.all(iterators.map(advance));
    for (let first = firstOf(heads); first; first = firstOf(heads)) {
      const [iterator, element] = first;
      yield element;
      await advance(iterator);
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function firstOf<K, T extends Identified>(heads: ReadonlyMap<K, T>): [K, T] | undefined {
  let first: [K, T] | undefined;
  for (const head of heads) {
    if (!first || head[1].id < first[1].id) first = head;
  }
  return first;
}

/** One of two lists that are read side by side. */
export interface Side<T> {
  readonly list: AsyncIterable<T>;
  /** What an element is about. The list has one element of a key. */
  readonly keyOf: (element: T) => string;
  /** In what both lists are sorted, about: it decides which of them is read on. */
  readonly positionOf: (element: T) => string | number;
}

/** What two lists say of one thing. Without one side: that list does not, or did so too far from where the other did. */
export interface Pair<L, R> {
  readonly key: string;
  readonly left?: L;
  readonly right?: R;
}

// How far apart two that belong together may lie; bounds the memory.
const defaultWindow = 1_000;

/**
 * Brings together what two lists say of the same things, in the order in which that is found. Of each list it holds at
 * most `window` elements that have not met theirs (default 1,000); the oldest beyond that is told alone. Whoever stops
 * reading ends both lists.
 */
export async function* joinStreams<L, R>(
  left: Side<L>,
  right: Side<R>,
  window = defaultWindow,
): AsyncGenerator<Pair<L, R>, void, undefined> {
  const lefts = createReader<L, Pair<L, R>>(left, (key, element) => ({ key, left: element }));
  const rights = createReader<R, Pair<L, R>>(right, (key, element) => ({ key, right: element }));
  try {
    await Promise.all([lefts.advance(), rights.advance()]);
    for (;;) {
      const { head: leftHead } = lefts;
      const { head: rightHead } = rights;
      const head =
        leftHead && rightHead && rightHead.position < leftHead.position ? rightHead : (leftHead ?? rightHead);
      if (!head) break;
      const [reader, other] = head === leftHead ? [lefts, rights] : [rights, lefts];
      const met = other.take(head.pair.key);
      const alone = met ? undefined : reader.hold(head.pair, window);
      if (met) yield { ...met, ...head.pair };
      if (alone) yield alone;
      await reader.advance();
    }
    yield* lefts.rest();
    yield* rights.rest();
  } finally {
    await Promise.all([lefts.end(), rights.end()]);
  }
}

interface Head<P> {
  readonly pair: P;
  readonly position: string | number;
}

/** Reads one list, and holds what has not met its other side. */
interface Reader<P> {
  readonly head: Head<P> | undefined;
  advance(): Promise<void>;
  /** Keeps a pair for later; returns the oldest when there are more than `window` then. */
  hold(pair: P, window: number): P | undefined;
  take(key: string): P | undefined;
  rest(): Iterable<P>;
  end(): Promise<unknown>;
}

function createReader<T, P extends { readonly key: string }>(
  { list, keyOf, positionOf }: Side<T>,
  pairOf: (key: string, element: T) => P,
): Reader<P> {
  const iterator = list[Symbol.asyncIterator]();
  const waiting = new Map<string, P>();
  let head: Head<P> | undefined;
  const take = (key: string) => {
    const pair = waiting.get(key);
    waiting.delete(key);
    return pair;
  };
  return {
    get head() {
      return head;
    },
    async advance() {
      const { done, value } = await iterator.next();
      head = done ? undefined : { pair: pairOf(keyOf(value), value), position: positionOf(value) };
    },
    hold(pair, window) {
      waiting.set(pair.key, pair);
      const [oldest] = waiting.size > window ? waiting.keys() : [];
      return oldest === undefined ? undefined : take(oldest);
    },
    take,
    rest: () => waiting.values(),
    end: async () => iterator.return?.(),
  };
}

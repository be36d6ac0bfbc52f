/** One of two lists to join. */
export interface JoinSide<T> {
  readonly list: AsyncIterable<T>;
  /** The key of an element. A list has one element of each key. */
  readonly keyOf: (element: T) => string;
  /** The approximate sort order of both lists. It decides which list is read next. */
  readonly positionOf: (element: T) => string | number;
}

/** The elements of one key. A side is missing if its list has no such element, or has it too far away. */
export interface JoinedPair<L, R> {
  readonly key: string;
  readonly left?: L;
  readonly right?: R;
}

// How far apart two elements of a key may be. Bounds the memory.
const defaultWindow = 1_000;

/**
 * Joins two lists by key and yields the pairs as they are found. Holds at most `window` unmatched elements of each list
 * (default: 1,000) and yields older ones alone. When the reader stops, both lists end.
 */
export async function* join<L, R>(
  left: JoinSide<L>,
  right: JoinSide<R>,
  window = defaultWindow,
): AsyncGenerator<JoinedPair<L, R>, void, undefined> {
  const lefts = createReader<L, JoinedPair<L, R>>(left, (key, element) => ({ key, left: element }));
  const rights = createReader<R, JoinedPair<L, R>>(right, (key, element) => ({ key, right: element }));
  try {
    await Promise.all([lefts.advance(), rights.advance()]);
    for (;;) {
      const { head: leftHead } = lefts;
      const { head: rightHead } = rights;
      const head =
        leftHead && rightHead && rightHead.position < leftHead.position ? rightHead : (leftHead ?? rightHead);
      if (!head) break;
      const [reader, other] = head === leftHead ? [lefts, rights] : [rights, lefts];
      const match = other.take(head.pair.key);
      const alone = match ? undefined : reader.hold(head.pair, window);
      if (match) yield { ...match, ...head.pair };
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

/** Reads one list and holds its unmatched elements. */
interface Reader<P> {
  readonly head: Head<P> | undefined;
  advance(): Promise<void>;
  /** Keeps an unmatched element. Returns the oldest if there are more than `window`. */
  hold(pair: P, window: number): P | undefined;
  take(key: string): P | undefined;
  rest(): Iterable<P>;
  end(): Promise<unknown>;
}

function createReader<T, P extends { readonly key: string }>(
  { list, keyOf, positionOf }: JoinSide<T>,
  pairOf: (key: string, element: T) => P,
): Reader<P> {
  const iterator = list[Symbol.asyncIterator]();
  const waiting = new Map<string, P>();
  // One iterator for all: a new one would pass over everything that was taken before.
  const oldestFirst = waiting.keys();
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
      if (waiting.size <= window) return undefined;
      const { value: oldest } = oldestFirst.next();
      return oldest === undefined ? undefined : take(oldest);
    },
    take,
    rest: () => waiting.values(),
    end: async () => iterator.return?.(),
  };
}

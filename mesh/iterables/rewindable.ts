/** A list whose first elements can be read again, because what they were sent to did not take them. */
export interface Rewindable<T> {
  /**
   * Reads from the first element. For one reader at a time: a new one replaces the last. What the last was still waiting for is
   * the new one's next element. A reader that stops does not close the source, until `commit`.
   */
  read(): AsyncIterable<T>;
  /** Whether everything that was read is kept, so `read` begins with the first element. */
  readonly canRewind: boolean;
  /** Keeps nothing more: the last reader gets the rest of the source for itself. */
  commit(): void;
  /** Closes the source, unless it has ended. */
  close(): Promise<void>;
}

/** Keeps up to `max` elements of a list. Once more were read, it cannot be rewound. */
export function rewindable<T>(list: AsyncIterable<T>, max: number): Rewindable<T> {
  const source = list[Symbol.asyncIterator]();
  let kept: Promise<IteratorResult<T>>[] | undefined = [];
  let closed = false;

  const close = async () => {
    if (closed) return;
    closed = true;
    await source.return?.();
  };
  const next = (): Promise<IteratorResult<T>> => {
    const element = source.next();
    if (kept !== undefined && kept.length < max) kept.push(element);
    else kept = undefined;
    return element;
  };

  return {
    read() {
      const first = kept ?? [];
      let at = 0;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => first[at++] ?? next(),
          async return(value?: unknown) {
            if (kept === undefined) await close();
            return { done: true, value } as IteratorResult<T>;
          },
        }),
      };
    },
    get canRewind() {
      return kept !== undefined;
    },
    commit() {
      kept = undefined;
    },
    close,
  };
}

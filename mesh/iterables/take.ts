/** Yields the first `limit` elements; 0: all. Reads no further, and nothing after `signal` aborts. */
export async function* take<T>(list: AsyncIterable<T>, limit: number, signal: AbortSignal): AsyncGenerator<T> {
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  for await (const element of list) {
    if (signal.aborted) return;
    yield element;
    left -= 1;
    if (left === 0) return;
  }
}

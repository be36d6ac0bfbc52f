/** The first `limit` elements of a list, all of them for 0. Reads no further than that, and not after `signal`. */
export async function* firstOf<T>(list: AsyncIterable<T>, limit: number, signal: AbortSignal): AsyncGenerator<T> {
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  for await (const element of list) {
    if (signal.aborted) return;
    yield element;
    left -= 1;
    if (left === 0) return;
  }
}

/** Yields the elements of a list in batches of `size`; the last one may have fewer. */
export async function* inBatches<T>(list: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const element of list) {
    if (batch.push(element) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

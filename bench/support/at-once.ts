/** Runs `work` for 0 to `count - 1`, at most `limit` at once, and resolves with what came of each. */
export async function atOnce<T>(count: number, limit: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

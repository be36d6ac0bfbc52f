const maxDistance = 2;

/** The first of `names` that `word` is likely meant as: it is at most two letters away. */
export function closest(word: string, names: readonly string[]): string | undefined {
  return names.find((name) => distance(word, name) <= maxDistance);
}

/** How many letters have to be put in, taken out or exchanged; more than `maxDistance` is not told apart. */
function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > maxDistance) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, otherLetter] of [...other].entries()) {
      const exchanged = (row[at] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(exchanged, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Inserts a block before the first line with this beginning. Throws with the block if there is none. */
export function insertBefore(text: string, path: string, beginning: string, block: string): string {
  const lines = text.split('\n');
  const place = lines.findIndex((line) => line.startsWith(beginning));
  return insertAt(lines, place, block, `${path} has no line that begins with "${beginning}"`);
}

/** A list with an entry for each service, sorted by name. */
export interface SortedList {
  readonly path: string;
  /** Matches the first line of an entry, with the name of its service. */
  readonly entry: RegExp;
  /** Matches the first line after the list. */
  readonly end: RegExp;
}

/** Inserts the block of a service where its name belongs. Throws with the block if there is no list. */
export function insertByName(text: string, name: string, block: string, { path, entry, end }: SortedList): string {
  const lines = text.split('\n');
  const nameOf = (line: string) => entry.exec(line)?.[1];
  const next = lines.findIndex((line) => (nameOf(line) ?? '') > name);
  const last = lines.findLastIndex((line) => nameOf(line) !== undefined);
  const after = lines.findIndex((line, index) => index > last && end.test(line));
  return insertAt(lines, last < 0 ? -1 : next < 0 ? after : next, block, `${path} has no list of services`);
}

function insertAt(lines: readonly string[], place: number, block: string, problem: string): string {
  if (place < 0) throw new Error(`${problem}, so there is no place for:\n${block}`);
  return lines.toSpliced(place, 0, block.replace(/\n$/, '')).join('\n');
}

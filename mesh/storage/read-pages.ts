import { yieldEvery } from '../time/yield-to-event-loop.ts';

/** A list to be read page by page. */
export interface PagedList<Item, Cursor> {
  /** Where to go on from: the cursor of the last item seen. */
  readonly after: Cursor;
  /** The most items to read in all; 0: no limit. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Items after a cursor, in order, at most `size`. */
  readonly fetch: (after: Cursor, size: number) => Promise<readonly Item[]>;
  readonly cursorOf: (item: Item) => Cursor;
}

const pageSize = 500;

/**
 * Reads a list in pages of at most 500, each fetched only after the one before was consumed, so that a slow reader holds
 * neither memory nor a transaction. Throws what `signal` aborts with.
 */
export async function* readPages<Item, Cursor>(list: PagedList<Item, Cursor>): AsyncGenerator<readonly Item[]> {
  const yieldToOthers = yieldEvery();
  let { after } = list;
  let left = list.limit === 0 ? Number.POSITIVE_INFINITY : list.limit;
  while (left > 0) {
    list.signal.throwIfAborted();
    const size = Math.min(pageSize, left);
    const page = await list.fetch(after, size);
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < size) return;
    after = list.cursorOf(last);
    left -= page.length;
    await yieldToOthers();
  }
}

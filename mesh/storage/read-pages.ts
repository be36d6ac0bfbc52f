import { yieldEvery } from '../time/yield-to-event-loop.ts';

/** A list that is read page by page. */
export interface PagedList<Item, Cursor> {
  /** Where to resume: the cursor of the last item seen. */
  readonly after: Cursor;
  /** Maximum items to read; 0: no limit, which is the default. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** Maximum items of a page. Default: 200, so a page that is read blocks SQLite's process for 2 ms at most. */
  readonly pageSize?: number;
  /** Returns the items after a cursor, in order, at most `size`. */
  readonly fetch: (after: Cursor, size: number) => Promise<readonly Item[]>;
  readonly cursorOf: (item: Item) => Cursor;
}

// The items of a page are converted, encoded and worked on, which takes longer than reading them. Several lists may be read
// in one turn of the event loop: together they take a few milliseconds of it.
const itemsPerCheck = 20;
const maxTurnMs = 1;

/**
 * Yields the items of a list, each through `map` if it is given. It reads a page only after the previous one was
 * consumed, so a slow reader holds neither memory nor a transaction, and yields to calls in between. Throws what `signal`
 * aborts with.
 */
export function readPages<Item, Cursor, Mapped>(
  list: PagedList<Item, Cursor> & { readonly map: (item: Item) => Mapped },
): AsyncGenerator<Mapped>;
export function readPages<Item, Cursor>(list: PagedList<Item, Cursor>): AsyncGenerator<Item>;
export async function* readPages<Item, Cursor>({
  map = (item) => item,
  ...list
}: PagedList<Item, Cursor> & { readonly map?: (item: Item) => unknown }): AsyncGenerator<unknown> {
  const yieldToOthers = yieldEvery(maxTurnMs);
  const { limit = 0, signal, pageSize = 200 } = list;
  let { after } = list;
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  while (left > 0) {
    signal?.throwIfAborted();
    const size = Math.min(pageSize, left);
    const page = await list.fetch(after, size);
    for (const [index, item] of page.entries()) {
      yield map(item);
      if (index % itemsPerCheck === itemsPerCheck - 1) await yieldToOthers();
    }
    const last = page.at(-1);
    if (last === undefined || page.length < size) return;
    after = list.cursorOf(last);
    left -= page.length;
    await yieldToOthers();
  }
}

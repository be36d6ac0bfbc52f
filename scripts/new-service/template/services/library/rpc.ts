import type { LibraryServiceHandlers } from '#gen/library/v1/library.contract.ts';
import type { Book as BookMessage } from '#gen/library/v1/library.ts';
import { type Clock, readPages, type Storage, uuidv7 } from '#mesh';
import { type Book, newBook } from './book.ts';
import { bookIdTaken } from './errors.ts';
import { findBooksAfter, getBook, insertBook } from './store.ts';

/** Implements `library.v1.LibraryService`. */
export function createLibraryRpc({
  storage,
  clock,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
}): LibraryServiceHandlers {
  return {
    createBook: ({ book: { id, name } }, { once }) =>
      once(async (tx) => {
        const nowMs = clock.now();
        const book = newBook({ id: id || uuidv7(nowMs), name }, nowMs);
        if (!(await insertBook(tx, book))) throw bookIdTaken({ id: book.id });
        return toProto(book);
      }),

    getBook: async ({ id }) => toProto(await getBook(storage, id)),

    listBooks: ({ afterId, limit }, { signal }) =>
      readPages({
        after: afterId,
        limit,
        signal,
        fetch: (after, size) => findBooksAfter(storage, after, size),
        cursorOf: (book) => book.id,
        map: toProto,
      }),
  };
}

function toProto({ id, name, version, createTimeMs, updateTimeMs }: Book): BookMessage {
  return {
    id,
    name,
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
    etag: version.toString(),
  };
}

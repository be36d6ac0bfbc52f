import type { Queryable, Transaction } from '#mesh';
import type { Book } from './book.ts';
import { bookNotFound } from './errors.ts';

type BookRow = {
  readonly id: string;
  readonly name: string;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
};

const columns = 'id, name, version, create_time, update_time';

/** Adds a book. Returns false, and adds nothing, if the id is taken. */
export async function insertBook(tx: Transaction, book: Book): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO books (id, name, version, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
    [book.id, book.name, book.version, book.createTimeMs, book.updateTimeMs],
  );
  return inserted === 1;
}

/** Returns the book with this id. Throws NOT_FOUND `BOOK_NOT_FOUND`. */
export async function getBook(db: Queryable, id: string): Promise<Book> {
  const [row] = await db.query<BookRow>(`SELECT ${columns} FROM books WHERE id = $1`, [id]);
  if (!row) throw bookNotFound({ id });
  return toBook(row);
}

/** Returns the next books after an id, in id order. */
export async function findBooksAfter(db: Queryable, afterId: string, limit: number): Promise<Book[]> {
  const sql = `SELECT ${columns} FROM books WHERE id > $1 ORDER BY id LIMIT $2`;
  const rows = await db.query<BookRow>(sql, [afterId, limit]);
  return rows.map(toBook);
}

function toBook({ create_time, update_time, ...row }: BookRow): Book {
  return { ...row, createTimeMs: Number(create_time), updateTimeMs: Number(update_time) };
}

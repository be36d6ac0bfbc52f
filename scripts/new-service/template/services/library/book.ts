/** A book, as the service stores it. */
export interface Book {
  readonly id: string;
  readonly name: string;
  /** 1 for a new book, one more for each change; the `etag` of the contract. */
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** What the caller decides of a new book. */
export type BookDraft = Pick<Book, 'id' | 'name'>;

/** The book in its first version. */
export function newBook({ id, name }: BookDraft, nowMs: number): Book {
  return { id, name, version: 1n, createTimeMs: nowMs, updateTimeMs: nowMs };
}

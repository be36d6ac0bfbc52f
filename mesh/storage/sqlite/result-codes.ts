import type { StorageFault } from '../faults.ts';

/** The meaning of a result code: a fault of the database, or of the statement and so of the program. */
export type ResultKind = StorageFault | 'statement';

// https://sqlite.org/rescode.html: every primary code that reports a failure.
const primary: ReadonlyMap<number, ResultKind> = new Map<number, ResultKind>([
  [1, 'statement'], // ERROR
  [2, 'statement'], // INTERNAL
  [3, 'denied'], // PERM
  [4, 'statement'], // ABORT
  [5, 'busy'], // BUSY
  [6, 'busy'], // LOCKED
  [7, 'unavailable'], // NOMEM
  [8, 'read-only'], // READONLY
  [9, 'statement'], // INTERRUPT
  [10, 'unavailable'], // IOERR
  [11, 'corrupt'], // CORRUPT
  [12, 'statement'], // NOTFOUND
  [13, 'full'], // FULL
  [14, 'unavailable'], // CANTOPEN
  [15, 'busy'], // PROTOCOL: others kept changing the log's header
  [16, 'statement'], // EMPTY
  [17, 'busy'], // SCHEMA: others kept changing the schema
  [18, 'too-large'], // TOOBIG
  [19, 'statement'], // CONSTRAINT
  [20, 'statement'], // MISMATCH
  [21, 'statement'], // MISUSE
  [22, 'full'], // NOLFS: the file system takes no larger file
  [23, 'denied'], // AUTH
  [24, 'corrupt'], // FORMAT
  [25, 'statement'], // RANGE
  [26, 'corrupt'], // NOTADB
]);

// Extended codes whose meaning differs from that of their primary one.
const extended: ReadonlyMap<number, ResultKind> = new Map<number, ResultKind>([
  [8202, 'corrupt'], // IOERR_DATA: a checksum differs
  [8458, 'corrupt'], // IOERR_CORRUPTFS
]);

// Only the text of a plain ERROR shows its cause.
const lacksSchema = /^(?:no such (?:table|column)|table \S+ has no column)\b/;

/** The kind of an error of node:sqlite. Any other error is a fault of the statement. */
export function kindOf(error: unknown): ResultKind {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 'statement';
  const code = error.errcode;
  // An extended code has the primary one in its low byte.
  const kind = extended.get(code) ?? primary.get(code & 0xff) ?? 'statement';
  return kind === 'statement' && lacksSchema.test(error.message) ? 'wrong-schema' : kind;
}

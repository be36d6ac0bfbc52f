import { readFileSync, truncateSync } from 'node:fs';

/** What a recorded process told the kernel. The numbers are those of `recorder/journal.h`. */
export const kinds = {
  open: 1,
  create: 2,
  write: 3,
  size: 4,
  rename: 5,
  link: 6,
  unlink: 7,
  mkdir: 8,
  rmdir: 9,
  syncBegin: 10,
  syncEnd: 11,
  notModelled: 12,
  /** Written by the process itself: where it could be killed. */
  mark: 13,
} as const;

export interface JournalRecord {
  readonly kind: number;
  /** Of the file or folder; 0 if the path says it, or for a sync of all. */
  readonly inode: bigint;
  /** Where it was written, the new size, or the number of a sync. */
  readonly offset: number;
  /** Or the title of a mark. */
  readonly path: string;
  /** The new path of a renamed or linked file. */
  readonly other: string;
  readonly data: Buffer;
  /** The size of the journal with this record. */
  readonly end: number;
}

export const headerBytes = 32;

/** Reads the journal of a process that has exited. Throws if it did something that the tests do not model. */
export function readJournal(file: string): JournalRecord[] {
  const bytes = readFileSync(file);
  const records: JournalRecord[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const [pathBytes, otherBytes, dataBytes] = [4, 8, 12].map((field) => bytes.readUInt32LE(at + field)) as [
      number,
      number,
      number,
    ];
    const pathAt = at + headerBytes;
    const end = pathAt + pathBytes + otherBytes + dataBytes;
    // The process was killed while it wrote this record.
    if (end > bytes.length) break;
    records.push({
      kind: bytes.readUInt32LE(at),
      inode: bytes.readBigUInt64LE(at + 16),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      path: bytes.toString('utf8', pathAt, pathAt + pathBytes),
      other: bytes.toString('utf8', pathAt + pathBytes, pathAt + pathBytes + otherBytes),
      data: bytes.subarray(end - dataBytes, end),
      end,
    });
    at = end;
  }
  const unknown = records.find(({ kind }) => kind === kinds.notModelled);
  if (unknown) throw new Error(`the power-cut test does not model this: ${unknown.path} ${unknown.other}`);
  return records;
}

/** Removes the record that a killed process has not finished, so another process can append to the journal. */
export function endWithWholeRecord(file: string): void {
  truncateSync(file, readJournal(file).at(-1)?.end ?? 0);
}

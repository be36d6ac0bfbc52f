import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JournalRecord, kinds } from './journal.ts';
import type { ObservedRun } from './observed-run.ts';
import type { Sighting } from './outside.ts';

/** An id that was seen outside, and the database whose disk must have had it by then. */
interface Cause extends Sighting<string> {
  readonly database: string;
}

/** A database file and its write-ahead log. */
interface DatabaseWrites {
  readonly writes: { readonly end: number; readonly inode: bigint; readonly data: Buffer }[];
  /** Completed syncs. */
  readonly syncs: { readonly inode: bigint; readonly begin: number; readonly end: number }[];
}

/**
 * Compares all that was seen outside of a run with what was synced by then, without starting anything: the id of each order,
 * user, shipment, event and mail must be in a synced write to the database that is its cause. That of an event is the outbox
 * of its service, that of a mail its notification and its task. Each change has one of its own, so that a change which leaves
 * before its flush is found even if the order itself is on the disk. Returns what was not, with the moment at which it was
 * seen, and how many causes were compared.
 */
export function missingCauses({ base, records, known, ready }: ObservedRun): {
  readonly missing: readonly Sighting<string>[];
  readonly compared: number;
} {
  const databases = writesByDatabase(records);
  const before = readDatabases(join(base, 'data'));
  const missing: Sighting<string>[] = [];
  let compared = 0;
  const first = new Map<string, Cause>();
  for (const cause of causesOf(known)) {
    const key = `${cause.database} ${cause.seen}`;
    const other = first.get(key);
    if (!other || cause.position < other.position) first.set(key, cause);
  }
  for (const { seen, database, position } of first.values()) {
    const durable = durableAt(databases.get(database), seen);
    const isOlder = position < ready || before.get(database)?.includes(seen);
    // An id that is stored in another form cannot be found.
    if (durable === undefined || isOlder) continue;
    compared += 1;
    if (durable > position) missing.push({ position, seen: `${seen} before it was on the disk of ${database}` });
  }
  return { missing, compared };
}

function causesOf(known: ObservedRun['known']): Cause[] {
  const causes: Cause[] = [];
  const add = (position: number, seen: string, ...databases: string[]) => {
    for (const database of databases) causes.push({ position, seen, database });
  };
  for (const { position, seen } of known.orders) add(position, seen.id, 'order');
  for (const { position, seen } of known.users) add(position, seen.id, 'user');
  for (const { position, seen } of known.bookings) add(position, seen.reference, 'order', 'shipping');
  for (const { position, seen } of known.mails) {
    add(position, seen.orderId, 'order');
    add(position, seen.id, 'notification', 'tasks');
  }
  for (const { position, seen } of known.events) {
    const [service = ''] = seen.topic.split('.');
    add(position, seen.id, 'events', service);
  }
  return causes;
}

/** Returns the content of each database, with its write-ahead log, by name. */
function readDatabases(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    const name = databaseOf(file);
    if (name) found.set(name, Buffer.concat([found.get(name) ?? Buffer.alloc(0), readFileSync(join(folder, file))]));
  }
  return found;
}

const databaseOf = (file: string) => /([a-z]+)\.db(-wal)?$/.exec(file)?.[1];

function writesByDatabase(records: readonly JournalRecord[]): Map<string, DatabaseWrites> {
  const names = new Map<bigint, string>();
  const begun = new Map<number, number>();
  const databases = new Map<string, DatabaseWrites>();
  for (const { kind, inode, offset, path, data, end } of records) {
    const name = databaseOf(path);
    if (kind === kinds.open || kind === kinds.create) {
      if (name) names.set(inode, name);
      else names.delete(inode);
    }
    const database = names.get(inode);
    if (database === undefined) continue;
    const found = databases.get(database) ?? { writes: [], syncs: [] };
    databases.set(database, found);
    if (kind === kinds.write) found.writes.push({ end, inode, data });
    else if (kind === kinds.syncBegin) begun.set(offset, end);
    else if (kind === kinds.syncEnd) found.syncs.push({ inode, begin: begun.get(offset) ?? end, end });
  }
  return databases;
}

/** The size of the journal when the first write with this id was on the disk. `undefined` if there is no such write. */
function durableAt(database: DatabaseWrites | undefined, id: string): number | undefined {
  const forms = [Buffer.from(id), ...(/^[0-9a-f-]{36}$/.test(id) ? [Buffer.from(id.replaceAll('-', ''), 'hex')] : [])];
  const write = database?.writes.find(({ data }) => forms.some((form) => data.includes(form)));
  if (!write) return undefined;
  const sync = database?.syncs.find(({ inode, begin }) => inode === write.inode && begin > write.end);
  return sync?.end ?? Number.POSITIVE_INFINITY;
}

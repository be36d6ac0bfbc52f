import { onTestFinished } from 'vitest';
import { openStorage } from '../open.ts';
import type { Queryable, Storage } from '../storage.ts';

/** The tables of the suite. */
export const counters = {
  name: '0001-init',
  sql: 'CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL); CREATE TABLE entry (id {{identity}}, note TEXT NOT NULL)',
};

/** The way to a server behind a pooler, by the URL of the database. */
export const directUrls = new Map<string, string>();

/** Files that are opened for one process alone. Opening one twice returns the same storage, until it is closed. */
export const exclusiveUrls = new Set<string>();
const openExclusive = new Map<string, Storage>();

async function openExclusively(url: string): Promise<Storage> {
  const storage = await openStorage(url, { exclusive: true });
  const close = () => {
    openExclusive.delete(url);
    return storage.close();
  };
  openExclusive.set(url, { ...storage, close });
  return { ...storage, close };
}

/** Opens a database and closes it after the test. */
export async function open(url: string): Promise<Storage> {
  const storage = exclusiveUrls.has(url)
    ? (openExclusive.get(url) ?? (await openExclusively(url)))
    : await openStorage(url, { directUrl: directUrls.get(url) });
  onTestFinished(() => storage.close());
  return storage;
}

/** Opens a database that has `counters`. */
export async function openWithTables(url: string): Promise<Storage> {
  const storage = await open(url);
  await storage.migrate('test', [counters]);
  return storage;
}

/** The value of a counter; `undefined` if it does not exist. */
export async function counterOf(storage: Queryable, name: string): Promise<bigint | undefined> {
  const [row] = await storage.query<{ value: bigint }>('SELECT value FROM counter WHERE name = $1', [name]);
  return row?.value;
}

/** Statement and parameters that add a counter. */
export function insert(name: string, value: bigint) {
  return ['INSERT INTO counter (name, value) VALUES ($1, $2)', [name, value]] as const;
}

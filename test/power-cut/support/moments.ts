import { type JournalRecord, kinds } from './journal.ts';
import type { ObservedRun } from './observed-run.ts';
import * as variants from './variants.ts';

/** When the power fails, as a size of the journal, and what the disk holds then. */
export interface PowerCut {
  readonly position: number;
  readonly variant: variants.Variant;
}

const services = ['order', 'payment', 'inventory', 'shipping', 'notification', 'user', 'events', 'tasks', 'report'];

/** Every kind of disk: one file ahead of the others, and one behind, for each database and for the mails. */
export const allVariants: readonly variants.Variant[] = [
  variants.onlySynced,
  variants.everything,
  variants.namesOnly,
  variants.contentOnly,
  variants.withoutLast,
  variants.withoutFirst,
  variants.tornLast,
  ...[...services.map((service) => new RegExp(`/${service}\\.db`)), /\/mail\//].flatMap((files) => [
    variants.ahead(files),
    variants.behind(files),
  ]),
];

/** Returns `count` of these, spread over all. */
export function spread<T>(all: readonly T[], count: number): T[] {
  const step = all.length / Math.min(count, all.length);
  return all.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** Returns the marks of a run, each with its moment. Those between which nothing was written are one. */
export function killPoints({ records, ready }: ObservedRun): { readonly title: string; readonly position: number }[] {
  const points: { title: string; position: number }[] = [];
  let isWritten = true;
  for (const { kind, path, end } of records) {
    if (kind !== kinds.mark) isWritten = true;
    else if (end >= ready) {
      const before = isWritten ? undefined : points.pop();
      points.push({ title: before ? `${before.title}, ${path}` : path, position: end });
      isWritten = false;
    }
  }
  return points;
}

/**
 * Returns as many power cuts as wanted, the same for the same seed: while a sync is under way, when something was seen, and at
 * any record; each with the next variant of all, and as often with a random one.
 */
export function powerCuts(run: ObservedRun, count: number, seed: number, from = run.ready): PowerCut[] {
  const next = variants.generator(seed);
  const pick = (positions: readonly number[]) => positions[Math.floor(next() * positions.length)] ?? run.end;
  const { orders, accounts, users, events, bookings, mails } = run.known;
  const seen = [orders, accounts, users, events, bookings, mails].flat().map(({ position }) => position);
  const records = run.records.filter(({ end }) => end >= from);
  const syncing = records.filter(({ kind }) => kind === kinds.syncBegin).map(({ end }) => end);
  const sources = [syncing, seen.filter((position) => position >= from), records.map(({ end }) => end)];
  const offset = Math.floor(next() * allVariants.length);
  return Array.from({ length: count }, (_, index) => {
    const fixed = allVariants[(offset + (index >> 1)) % allVariants.length];
    const variant = index % 2 === 0 && fixed ? fixed : variants.random(seed * 1_000 + index);
    return { position: pick(sources[index % sources.length] ?? []), variant };
  });
}

/** Returns the names of the databases whose logs started again after a run was ready, because all of them was in the file. */
export function restartedLogs({ records, ready }: ObservedRun): string[] {
  const headers = writesTo(records, /([a-z]+)\.db-wal$/).filter(({ record }) => record.offset === 0);
  const started = Map.groupBy(headers, ({ name }) => name);
  // The first header is that of the log that the process began with.
  return [...started].flatMap(([name, [, ...others]]) => (others.some(({ record }) => record.end > ready) ? name : []));
}

/** Returns power cuts during and right after the writes of a log to its file, the same for the same seed. */
export function checkpointCuts(run: ObservedRun, count: number, seed: number): PowerCut[] {
  const writes = writesTo(run.records, /([a-z]+)\.db$/).filter(({ record }) => record.end > run.ready);
  return spread(writes, Math.ceil(count)).map(({ record, name }, index) => {
    const file = new RegExp(`/${name}\\.db$`);
    const choice = [variants.onlySynced, variants.ahead(file), variants.random(seed * 1_000 + index)][index % 3];
    return { position: record.end, variant: choice ?? variants.everything };
  });
}

/** Returns the writes to files whose paths match, with the name of the database. */
function writesTo(records: readonly JournalRecord[], file: RegExp) {
  const names = new Map<bigint, string | undefined>();
  return records.flatMap((record) => {
    const { kind, inode, path } = record;
    if (kind === kinds.open || kind === kinds.create) names.set(inode, file.exec(path)?.[1]);
    const name = names.get(inode);
    return kind === kinds.write && name !== undefined ? [{ record, name }] : [];
  });
}

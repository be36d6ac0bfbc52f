import { kinds } from './journal.ts';
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

import type { Change } from './content.ts';
import type { NameChange } from './disk.ts';

/** What of the unsynced changes a disk happens to hold after a power cut. */
export interface Variant {
  readonly title: string;
  /** Returns those of the unsynced changes of a file's content that reached the disk, in order. */
  content(path: string, pending: readonly Change[]): readonly Change[];
  /** Whether this unsynced change of a name reached the disk. */
  hasName(path: string, change: NameChange): boolean;
}

const sectorBytes = 512;

const nothing = () => [];
const all = (_path: string, pending: readonly Change[]) => pending;

/** The least that a disk may hold. */
export const onlySynced: Variant = { title: 'only what was synced', content: nothing, hasName: () => false };

/** What a killed process leaves, whose machine goes on. */
export const everything: Variant = { title: 'everything', content: all, hasName: () => true };

export const namesOnly: Variant = { title: 'names without content', content: nothing, hasName: () => true };

export const contentOnly: Variant = { title: 'content without names', content: all, hasName: () => false };

export const withoutLast: Variant = {
  title: 'all but the last write of each file',
  content: (_path, pending) => pending.slice(0, -1),
  hasName: () => true,
};

export const withoutFirst: Variant = {
  title: 'later writes without the first',
  content: (_path, pending) => pending.slice(1),
  hasName: () => true,
};

export const tornLast: Variant = {
  title: 'the last write of each file torn',
  content: (_path, pending) => pending.flatMap((change, index) => (index < pending.length - 1 ? change : torn(change))),
  hasName: () => true,
};

/** Files that match have everything, the others only what was synced. */
export function ahead(files: RegExp): Variant {
  return {
    title: `${files.source} ahead of all others`,
    content: (path, pending) => (files.test(path) ? pending : []),
    hasName: () => true,
  };
}

/** Files that match have only what was synced, the others everything. */
export function behind(files: RegExp): Variant {
  return {
    title: `${files.source} behind all others`,
    content: (path, pending) => (files.test(path) ? [] : pending),
    hasName: () => true,
  };
}

/** Any of the changes, and some of them torn. The same for the same seed. */
export function random(seed: number): Variant {
  const next = generator(seed);
  const share = next();
  const chosen = new Map<number, boolean>();
  return {
    title: `any changes (seed ${seed})`,
    content: (_path, pending) =>
      pending.flatMap((change) => {
        if (next() >= share) return [];
        return next() < 0.1 ? torn(change, next()) : [change];
      }),
    hasName(_path, { at }) {
      // Both names of a renamed file change together.
      const has = chosen.get(at) ?? next() < share;
      chosen.set(at, has);
      return has;
    },
  };
}

/** Returns the beginning of a write, up to a sector of the disk. Nothing of a write within one sector. */
function torn(change: Change, share = 0.5): Change[] {
  if ('size' in change) return [change];
  const end = change.offset + change.data.length * share;
  const length = Math.floor(end / sectorBytes) * sectorBytes - change.offset;
  return length > 0 ? [{ ...change, data: change.data.subarray(0, length) }] : [];
}

/** Returns numbers from 0 to 1, the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

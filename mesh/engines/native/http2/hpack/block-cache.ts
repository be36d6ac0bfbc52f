import type { HeaderList } from './header-list.ts';

interface Kept {
  readonly block: Uint8Array;
  readonly list: HeaderList;
}

const slots = 256;
const seenSlots = 64;
// Proxies that use no table, such as nginx, send some 200 bytes of literals for each call.
const maxBlockBytes = 256;

/**
 * Caches decoded blocks by their bytes, while the dynamic table does not change. Callers send the same few blocks again and
 * again. Bounded: a block replaces another with the same slot.
 */
export class BlockCache {
  // Allocated on first use, because many connections are idle.
  #kept: (Kept | undefined)[] | undefined;
  #seen: number[] | undefined;
  #last: Kept | undefined;
  #version = -1;

  /** The fields of the block, if they are known for this version of the table. */
  find(bytes: Buffer, start: number, end: number, tableVersion: number): HeaderList | undefined {
    if (this.#kept === undefined || this.#version !== tableVersion || end - start > maxBlockBytes) return undefined;
    if (this.#last !== undefined && isSame(this.#last.block, bytes, start, end)) return this.#last.list;
    const kept = this.#kept[hashOf(bytes, start, end) % slots];
    if (kept === undefined || !isSame(kept.block, bytes, start, end)) return undefined;
    this.#last = kept;
    return kept.list;
  }

  /**
   * Keeps the fields of a block that does not change the table. A block with `literals` is kept when it comes for the second
   * time: most never come again, because the literal is a deadline or an id.
   */
  keep(bytes: Buffer, start: number, end: number, tableVersion: number, list: HeaderList, literals: boolean): void {
    if (end - start > maxBlockBytes) return;
    const hash = hashOf(bytes, start, end);
    if (literals && !this.#hasSeen(hash)) return;
    if (this.#kept === undefined || this.#version !== tableVersion) this.#clear(tableVersion);
    this.#last = { block: Uint8Array.prototype.slice.call(bytes, start, end), list };
    (this.#kept as (Kept | undefined)[])[hash % slots] = this.#last;
  }

  #hasSeen(hash: number): boolean {
    this.#seen ??= new Array<number>(seenSlots).fill(-1);
    const before = this.#seen[hash % seenSlots];
    this.#seen[hash % seenSlots] = hash;
    return before === hash;
  }

  #clear(tableVersion: number): void {
    this.#kept ??= new Array<Kept | undefined>(slots);
    this.#kept.fill(undefined);
    this.#version = tableVersion;
  }
}

function isSame(block: Uint8Array, bytes: Buffer, start: number, end: number): boolean {
  if (block.length !== end - start) return false;
  for (let index = 0; index < block.length; index++) if (block[index] !== bytes[start + index]) return false;
  return true;
}

const multiplier = 0x9e3779b1;

/** A positive number that spreads blocks over slots; four bytes at a time. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash = Math.imul(hash ^ word, multiplier);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), multiplier);
  return (hash ^ (hash >>> 15)) & 0x3fff_ffff;
}

import type { EventPosition } from '#mesh';
import { repeatedPartition } from './errors.ts';

/** How far a reader of a topic is, in all partitions. */
export interface ReaderPosition {
  /** Notes that an event was read. */
  advance(event: EventPosition): void;
  /** The offset of the next event of each partition, such as `0=18,1=4`. Empty: all partitions are at their beginning. */
  toString(): string;
}

/** Creates the position of a reader that starts at these offsets, and at the beginning of all other partitions. */
export function readerPosition(start: ReadonlyMap<number, bigint>): ReaderPosition {
  // By partition, so an event changes one text only.
  const parts: string[] = [];
  const set = (partition: number, next: bigint) => {
    parts[partition] = `${partition}=${next}`;
  };
  for (const [partition, offset] of start) set(partition, offset);
  return {
    advance: ({ partition, offset }) => set(partition, offset + 1n),
    // `filter` skips the partitions without an offset.
    toString: () => parts.filter(() => true).join(),
  };
}

/** Reads a position that matches the pattern of the contract. Throws INVALID_ARGUMENT if it has a partition twice. */
export function parsePosition(text: string): Map<number, bigint> {
  const parts = text.split(',').map((part) => part.split('='));
  const offsets = new Map(parts.map(([partition, offset = '']) => [Number(partition), BigInt(offset)]));
  if (offsets.size < parts.length) throw repeatedPartition();
  return offsets;
}

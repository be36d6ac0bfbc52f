import type { BlockWriter } from '../block-writer.ts';
import { tableSize } from '../representations.ts';
import { defaultTableBytes } from './dynamic-table.ts';

/**
 * The size of the table that blocks of this side use, and whether the peer knows it. After a change, the next block has to
 * begin with the smallest size since the last block and then the final one (RFC 7541 section 4.2).
 */
export class TableSize {
  #bytes = defaultTableBytes;
  /** The smallest size since the last block; infinite if the peer knows the size. */
  #lowestBytes = Number.POSITIVE_INFINITY;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the next block has to announce the size. */
  get isDue(): boolean {
    return this.#lowestBytes !== Number.POSITIVE_INFINITY;
  }

  /** Limits the table to what the peer accepts. At most 4096 bytes are used. */
  limitTo(bytes: number): void {
    const used = Math.min(bytes, defaultTableBytes);
    if (used === this.#bytes) return;
    this.#bytes = used;
    this.#lowestBytes = Math.min(this.#lowestBytes, used);
  }

  /** Empties the table of the peer with the next block. */
  startOver(): void {
    this.#lowestBytes = 0;
  }

  /** Writes due size changes, at the beginning of a block. */
  write(writer: BlockWriter): void {
    if (this.#lowestBytes < this.#bytes) writer.integer(tableSize, this.#lowestBytes);
    writer.integer(tableSize, this.#bytes);
    this.#lowestBytes = Number.POSITIVE_INFINITY;
  }
}

import type { BlockWriter } from '../block-writer.ts';
import { tableSize } from '../representations.ts';
import { defaultTableBytes } from './dynamic-table.ts';

/**
 * The size of the table that our blocks use, and what the peer has yet to learn of it. The next block has to begin with the
 * smallest size since the last one, and then the one that holds (RFC 7541 section 4.2).
 */
export class TableSize {
  #bytes = defaultTableBytes;
  /** The smallest size since the last block; infinite when the peer knows the size. */
  #lowestBytes = Number.POSITIVE_INFINITY;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the next block has to announce the size. */
  get isDue(): boolean {
    return this.#lowestBytes !== Number.POSITIVE_INFINITY;
  }

  /** The peer takes a table of at most so many bytes. Never more than 4096 of them are used. */
  limitTo(bytes: number): void {
    const used = Math.min(bytes, defaultTableBytes);
    if (used === this.#bytes) return;
    this.#bytes = used;
    this.#lowestBytes = Math.min(this.#lowestBytes, used);
  }

  /** Makes the peer forget what its table has, with the next block. */
  startOver(): void {
    this.#lowestBytes = 0;
  }

  /** Writes what is due, at the beginning of a block. */
  write(writer: BlockWriter): void {
    if (this.#lowestBytes < this.#bytes) writer.integer(tableSize, this.#lowestBytes);
    writer.integer(tableSize, this.#bytes);
    this.#lowestBytes = Number.POSITIVE_INFINITY;
  }
}

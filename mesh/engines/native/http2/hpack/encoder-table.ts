import type { BlockWriter } from './block-writer.ts';
import { DynamicTable, defaultTableBytes, entryBytes } from './dynamic-table.ts';
import { FieldIndex, type NamePlaces } from './field-index.ts';
import { tableSize } from './representations.ts';
import { staticEntries } from './static-table.ts';

/** The table of an encoder: what the peer remembers, where each field is, and what the peer has yet to hear of its size. */
export class EncoderTable {
  readonly #fields = new FieldIndex();
  readonly #table = new DynamicTable(defaultTableBytes, (name, value) => this.#fields.remove(name, value));
  /** The smallest size since the last block; infinite when the size is the one that the peer knows of. */
  #lowestBytes = Number.POSITIVE_INFINITY;

  get version(): number {
    return this.#table.version;
  }

  /** Whether the next block has to say how large the table is. */
  get sizeIsDue(): boolean {
    return this.#lowestBytes !== Number.POSITIVE_INFINITY;
  }

  resize(bytes: number): void {
    if (bytes === this.#table.maxBytes) return;
    this.#lowestBytes = Math.min(this.#lowestBytes, bytes);
    this.#table.resize(bytes);
  }

  /** Empties the table here, and the peer's with the next block. */
  startOver(): void {
    const bytes = this.#table.maxBytes;
    this.#table.resize(0);
    this.#table.resize(bytes);
    this.#lowestBytes = 0;
  }

  /** Tells the smallest size since the last block, which is what the peer has evicted to, and then the one that holds. */
  writeSizes(writer: BlockWriter): void {
    if (this.#lowestBytes < this.#table.maxBytes) writer.integer(tableSize, this.#lowestBytes);
    writer.integer(tableSize, this.#table.maxBytes);
    this.#lowestBytes = Number.POSITIVE_INFINITY;
  }

  find(name: string): NamePlaces | undefined {
    return this.#fields.find(name);
  }

  /** The index that stands in a block for a place. */
  indexOf(place: number): number {
    return staticEntries + 1 + this.#table.newest - place;
  }

  /** Whether a field may be added. One of more than half the table would drive out what is used more often. */
  takes(name: string, value: string): boolean {
    return entryBytes(name, value) <= this.#table.maxBytes / 2;
  }

  /** Adds a field that is not there. */
  add(name: string, value: string): void {
    if (this.#table.add(name, value)) this.#fields.add(name, value, this.#table.newest);
  }
}

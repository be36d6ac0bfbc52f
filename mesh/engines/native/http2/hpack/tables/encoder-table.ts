import type { BlockWriter } from '../block-writer.ts';
import { DynamicTable, defaultTableBytes, entryBytes } from './dynamic-table.ts';
import { FieldIndex, type NamePlaces } from './field-index.ts';
import { staticEntries } from './static-table.ts';
import { TableSize } from './table-size.ts';

/** The table of an encoder: its fields, their places, and size changes that the peer does not know yet. */
export class EncoderTable {
  readonly #fields = new FieldIndex();
  readonly #table = new DynamicTable(defaultTableBytes, (name, value) => this.#fields.remove(name, value));
  readonly #size = new TableSize();

  get version(): number {
    return this.#table.version;
  }

  /** Whether the next block has to announce the size. */
  get sizeIsDue(): boolean {
    return this.#size.isDue;
  }

  /** Limits the table to what the peer accepts. */
  limitTo(bytes: number): void {
    this.#size.limitTo(bytes);
    this.#table.resize(this.#size.bytes);
  }

  /** Empties this table now, and the peer's with the next block. */
  startOver(): void {
    this.#table.resize(0);
    this.#table.resize(this.#size.bytes);
    this.#size.startOver();
  }

  /** Writes due size changes, at the beginning of a block. */
  writeSizes(writer: BlockWriter): void {
    this.#size.write(writer);
  }

  find(name: string): NamePlaces | undefined {
    return this.#fields.find(name);
  }

  /** The index of a place in a block. */
  indexOf(place: number): number {
    return staticEntries + 1 + this.#table.newest - place;
  }

  /** Whether a field may be added. One larger than half the table would evict fields that are used more often. */
  takes(name: string, value: string): boolean {
    return entryBytes(name, value) <= this.#table.maxBytes / 2;
  }

  /** Adds a field that is not in the table. */
  add(name: string, value: string): void {
    if (this.#table.add(name, value)) this.#fields.add(name, value, this.#table.newest);
  }
}

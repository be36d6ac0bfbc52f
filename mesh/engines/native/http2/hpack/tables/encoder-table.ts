import type { BlockWriter } from '../block-writer.ts';
import { DynamicTable, defaultTableBytes, entryBytes } from './dynamic-table.ts';
import { FieldIndex, type NamePlaces } from './field-index.ts';
import { staticEntries } from './static-table.ts';
import { TableSize } from './table-size.ts';

/** The table of an encoder: what the peer remembers, where each field is, and what the peer has yet to hear of its size. */
export class EncoderTable {
  readonly #fields = new FieldIndex();
  readonly #table = new DynamicTable(defaultTableBytes, (name, value) => this.#fields.remove(name, value));
  readonly #size = new TableSize();

  get version(): number {
    return this.#table.version;
  }

  /** Whether the next block has to say how large the table is. */
  get sizeIsDue(): boolean {
    return this.#size.isDue;
  }

  /** The peer takes a table of at most so many bytes. */
  limitTo(bytes: number): void {
    this.#size.limitTo(bytes);
    this.#table.resize(this.#size.bytes);
  }

  /** Empties the table here, and the peer's with the next block. */
  startOver(): void {
    this.#table.resize(0);
    this.#table.resize(this.#size.bytes);
    this.#size.startOver();
  }

  /** Writes the sizes that are due, at the beginning of a block. */
  writeSizes(writer: BlockWriter): void {
    this.#size.write(writer);
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

import { BlockCache } from './block-cache.ts';
import { BlockReader } from './block-reader.ts';
import { type HeaderList, HeaderListBuilder } from './header-list.ts';
import { HpackError } from './hpack-error.ts';
import { indexed, indexing, notIndexed, tableSize } from './representations.ts';
import { DynamicTable, defaultTableBytes } from './tables/dynamic-table.ts';
import { staticEntries, staticNames, staticValues } from './tables/static-table.ts';

export { HpackError };

/** Decodes the header blocks of a connection, which have to come in the order in which they were sent, and all of them. */
export interface HpackDecoder {
  /**
   * The fields of a block, which is `bytes` from `start` to `end`; the bytes are not kept. Time and memory are in
   * proportion to the bytes, whatever they expand to. Throws an HpackError; after one the decoder is of no more use.
   */
  decode(bytes: Buffer, start?: number, end?: number): HeaderList;
  /** What the peer's table may have from now on: to be called when the peer has acknowledged the setting. */
  setMaxTableSize(bytes: number): void;
}

export interface HpackDecoderOptions {
  /**
   * The SETTINGS_HEADER_TABLE_SIZE that is announced, 4096 by default. A peer that does not know of less yet uses 4096: to
   * have less, begin with the default, and tell `setMaxTableSize` when the setting is acknowledged.
   */
  readonly maxTableBytes?: number;
  /** A list that is larger, as SETTINGS_MAX_HEADER_LIST_SIZE counts it, is told to be too large and has no fields. */
  readonly maxHeaderListBytes: number;
}

/** A decoder for one connection. */
export function createHpackDecoder(options: HpackDecoderOptions): HpackDecoder {
  return new Decoder(options);
}

class Decoder implements HpackDecoder {
  readonly #table: DynamicTable;
  readonly #list: HeaderListBuilder;
  readonly #reader = new BlockReader();
  readonly #cache = new BlockCache();
  #maxTableBytes: number;
  /** Whether the table is larger than it may be, so that the next block has to begin with making it smaller. */
  #mustShrink = false;
  /** Whether the block that is read has a field that was not in a table. */
  #literals = false;

  constructor({ maxTableBytes = defaultTableBytes, maxHeaderListBytes }: HpackDecoderOptions) {
    this.#table = new DynamicTable(Math.min(maxTableBytes, defaultTableBytes));
    this.#list = new HeaderListBuilder(maxHeaderListBytes);
    this.#maxTableBytes = maxTableBytes;
  }

  setMaxTableSize(bytes: number): void {
    this.#maxTableBytes = bytes;
    this.#mustShrink = this.#table.maxBytes > bytes;
  }

  decode(bytes: Buffer, start = 0, end: number = bytes.length): HeaderList {
    const version = this.#table.version;
    const known = this.#mustShrink ? undefined : this.#cache.find(bytes, start, end, version);
    if (known !== undefined) return known;
    this.#reader.open(bytes, start, end);
    this.#literals = false;
    this.#readTableSizes();
    while (this.#reader.more) this.#readField();
    this.#reader.close();
    const list = this.#list.take();
    if (this.#table.version === version) this.#cache.keep(bytes, start, end, version, list, this.#literals);
    return list;
  }

  /** A block may begin with new sizes of the table, and has to when the peer was told that it is too large. */
  #readTableSizes(): void {
    while (this.#reader.more && isTableSize(this.#reader.next)) {
      const bytes = this.#reader.integer(tableSize.mask);
      if (bytes > this.#maxTableBytes) {
        throw new HpackError(
          `a header block makes the table ${bytes} bytes large, but ${this.#maxTableBytes} are allowed`,
        );
      }
      this.#table.resize(bytes);
      this.#mustShrink = false;
    }
    if (this.#mustShrink) {
      throw new HpackError(
        `a header block does not make the table smaller, to the ${this.#maxTableBytes} bytes that were acknowledged`,
      );
    }
  }

  #readField(): void {
    const first = this.#reader.next;
    if (first >= indexed.pattern) this.#readIndexed();
    else if (first >= indexing.pattern) this.#readLiteral(indexing.mask, true);
    else if (first < tableSize.pattern) this.#readLiteral(notIndexed.mask, false);
    else throw new HpackError('a header block changes the size of the table behind a field, not at its beginning');
  }

  #readIndexed(): void {
    const index = this.#reader.integer(indexed.mask);
    if (index === 0) throw new HpackError('a header block has a field with the index 0, which is none');
    this.#list.add(this.#nameAt(index), this.#valueAt(index));
  }

  #readLiteral(mask: number, isIndexing: boolean): void {
    this.#literals = true;
    const index = this.#reader.integer(mask);
    const name = index === 0 ? this.#reader.string() : this.#nameAt(index);
    const value = this.#reader.string();
    if (isIndexing) this.#table.add(name, value);
    this.#list.add(name, value);
  }

  #nameAt(index: number): string {
    if (index <= staticEntries) return staticNames[index] as string;
    if (index - staticEntries > this.#table.count) throw this.#noEntry(index);
    return this.#table.nameAt(index - staticEntries);
  }

  /** Of an index whose name was found. */
  #valueAt(index: number): string {
    return index <= staticEntries ? (staticValues[index] as string) : this.#table.valueAt(index - staticEntries);
  }

  #noEntry(index: number): HpackError {
    return new HpackError(
      `a header block has the index ${index}, but the tables end at ${staticEntries + this.#table.count}`,
    );
  }
}

function isTableSize(byte: number): boolean {
  return byte >= tableSize.pattern && byte < indexing.pattern;
}

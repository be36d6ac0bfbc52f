import { BlockCache } from './block-cache.ts';
import { BlockReader } from './block-reader.ts';
import { type HeaderList, HeaderListBuilder } from './header-list.ts';
import { HpackError } from './hpack-error.ts';
import { indexed, indexing, notIndexed, tableSize } from './representations.ts';
import { DynamicTable, defaultTableBytes } from './tables/dynamic-table.ts';
import { staticEntries, staticNames, staticValues } from './tables/static-table.ts';

export { HpackError };

/** Decodes the header blocks of a connection. It needs all of them, in the order in which they were sent. */
export interface HpackDecoder {
  /**
   * Returns the fields of the block from `start` to `end`. The bytes are not kept. Time and memory are proportional to the
   * bytes, even if they expand to more. Throws an HpackError, after which the decoder must not be used.
   */
  decode(bytes: Buffer, start?: number, end?: number): HeaderList;
  /** Limits the table of the peer. Call it when the peer has acknowledged the setting. */
  setMaxTableSize(bytes: number): void;
}

export interface HpackDecoderOptions {
  /**
   * The announced SETTINGS_HEADER_TABLE_SIZE. Default: 4096. A peer uses 4096 until it knows of a lower value: for less, begin
   * with the default and call `setMaxTableSize` when the setting is acknowledged.
   */
  readonly maxTableBytes?: number;
  /** A larger list, as SETTINGS_MAX_HEADER_LIST_SIZE counts it, is marked as too large and has no fields. */
  readonly maxHeaderListBytes: number;
}

/** Makes the decoder of one connection. */
export function createHpackDecoder(options: HpackDecoderOptions): HpackDecoder {
  return new Decoder(options);
}

class Decoder implements HpackDecoder {
  readonly #table: DynamicTable;
  readonly #list: HeaderListBuilder;
  readonly #reader = new BlockReader();
  readonly #cache = new BlockCache();
  #maxTableBytes: number;
  /** Whether the table is too large, so the next block has to begin by shrinking it. */
  #mustShrink = false;
  /** Whether the current block has a field that was not in a table. */
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

  /** A block may begin with new table sizes, and has to if the table is too large. */
  #readTableSizes(): void {
    while (this.#reader.more && isTableSize(this.#reader.next)) {
      const bytes = this.#reader.integer(tableSize.mask);
      if (bytes > this.#maxTableBytes) {
        throw new HpackError(
          `a header block sets the table size to ${bytes} bytes, more than the limit of ${this.#maxTableBytes}`,
        );
      }
      this.#table.resize(bytes);
      this.#mustShrink = false;
    }
    if (this.#mustShrink) {
      throw new HpackError(`a header block does not reduce the table to the acknowledged ${this.#maxTableBytes} bytes`);
    }
  }

  #readField(): void {
    const first = this.#reader.next;
    if (first >= indexed.pattern) this.#readIndexed();
    else if (first >= indexing.pattern) this.#readLiteral(indexing.mask, true);
    else if (first < tableSize.pattern) this.#readLiteral(notIndexed.mask, false);
    else throw new HpackError('a header block changes the table size after a field');
  }

  #readIndexed(): void {
    const index = this.#reader.integer(indexed.mask);
    if (index === 0) throw new HpackError('a header block has the index 0, which is invalid');
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

  /** The value of an index whose name exists. */
  #valueAt(index: number): string {
    return index <= staticEntries ? (staticValues[index] as string) : this.#table.valueAt(index - staticEntries);
  }

  #noEntry(index: number): HpackError {
    return new HpackError(
      `a header block has the index ${index}, beyond the last one of ${staticEntries + this.#table.count}`,
    );
  }
}

function isTableSize(byte: number): boolean {
  return byte >= tableSize.pattern && byte < indexing.pattern;
}

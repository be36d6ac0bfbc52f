import { BlockWriter } from './block-writer.ts';
import { EncodedBlocks } from './encoded-blocks.ts';
import { indexed, indexing, neverIndexed, notIndexed } from './representations.ts';
import { EncoderTable } from './tables/encoder-table.ts';
import { staticFields } from './tables/static-table.ts';

/** Encodes the header blocks of a connection. All of them must be sent, in the order in which they were encoded. */
export interface HpackEncoder {
  /**
   * Returns the block of `fields`: name, value, name, value, … Throws a TypeError for a character above U+00FF; the encoder
   * stays usable. `plain` are names whose values change with each block: only the first is indexed, for its name. The buffer
   * may be returned again, so it must not be changed.
   */
  encode(fields: readonly string[], plain?: ReadonlySet<string>): Buffer;
  /** Applies a SETTINGS_HEADER_TABLE_SIZE of the peer. Call it with each value, in order. At most 4096 bytes are used. */
  setMaxTableSize(bytes: number): void;
}

/** Makes the encoder of one connection. */
export function createHpackEncoder(): HpackEncoder {
  return new Encoder();
}

const nothing: ReadonlySet<string> = new Set();
// Their values rarely repeat.
const alwaysPlain: ReadonlySet<string> = new Set(['content-length', 'date', 'grpc-timeout']);
// Someone who can have other fields sent in the same block could guess these by its length (RFC 7541 section 7.1).
const secret: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

// Shared by all connections, because each block is written in one call.
const writer = new BlockWriter();

// How many fields at the beginning of a block are remembered.
const places = 16;

class Encoder implements HpackEncoder {
  readonly #table = new EncoderTable();
  readonly #encoded = new EncodedBlocks();
  readonly #recent = new RecentIndexes();
  /** Whether the current block has a field that was not in a table. */
  #literals = false;

  setMaxTableSize(bytes: number): void {
    this.#table.limitTo(bytes);
  }

  encode(fields: readonly string[], plain: ReadonlySet<string> = nothing): Buffer {
    const known = this.#encoded.find(fields, this.#table.version);
    if (known !== undefined) return known;
    const { sizeIsDue } = this.#table;
    const block = this.#write(fields, plain);
    if (sizeIsDue || this.#literals) return block;
    return this.#encoded.keep(fields, this.#table.version, block);
  }

  #write(fields: readonly string[], plain: ReadonlySet<string>): Buffer {
    this.#literals = false;
    writer.begin();
    try {
      if (this.#table.sizeIsDue) this.#table.writeSizes(writer);
      for (let index = 0; index + 1 < fields.length; index += 2) {
        this.#writeField(index / 2, fields[index] as string, fields[index + 1] as string, plain);
      }
    } catch (error) {
      // Fields of this block are in this table, but the peer will not receive them.
      this.#table.startOver();
      throw error;
    }
    return writer.take();
  }

  #writeField(place: number, name: string, value: string, plain: ReadonlySet<string>): void {
    const recent = this.#recent.find(place, name, value, this.#table.version);
    if (recent > 0) {
      writer.integer(indexed, recent);
      return;
    }
    const inStatic = staticFields.find(name);
    const inTable = this.#table.find(name);
    const index = inStatic?.values.get(value) ?? this.#indexOf(inTable?.values.get(value));
    if (index === undefined) {
      this.#writeLiteral(name, value, inStatic?.latest ?? this.#indexOf(inTable?.latest) ?? 0, plain);
    } else {
      writer.integer(indexed, index);
      this.#recent.remember(place, name, value, index, this.#table.version);
    }
  }

  #indexOf(place: number | undefined): number | undefined {
    return place === undefined ? undefined : this.#table.indexOf(place);
  }

  #writeLiteral(name: string, value: string, nameIndex: number, plain: ReadonlySet<string>): void {
    this.#literals = true;
    const isIndexing = this.#isWorthIndexing(name, value, nameIndex, plain);
    const form = secret.has(name) ? neverIndexed : isIndexing ? indexing : notIndexed;
    writer.integer(form, nameIndex);
    if (nameIndex === 0) writer.string(name);
    writer.string(value);
    if (isIndexing) this.#table.add(name, value);
  }

  /** Whether to index a field. A plain one is indexed once, so later ones can refer to its name. */
  #isWorthIndexing(name: string, value: string, nameIndex: number, plain: ReadonlySet<string>): boolean {
    if (secret.has(name) || !this.#table.takes(name, value)) return false;
    return nameIndex === 0 || !(alwaysPlain.has(name) || plain.has(name));
  }
}

interface Recent {
  readonly name: string;
  readonly value: string;
  readonly index: number;
  readonly tableVersion: number;
}

/**
 * Remembers the index of the last field at each place of a block. Most blocks are like the one before, and looking here costs a
 * fraction of a search in the tables.
 */
class RecentIndexes {
  readonly #recent = new Array<Recent | undefined>(places).fill(undefined);

  /** The index of a field, if the last one at this place was the same and the table has not changed; otherwise 0. */
  find(place: number, name: string, value: string, tableVersion: number): number {
    const recent = place < places ? this.#recent[place] : undefined;
    if (recent === undefined || recent.tableVersion !== tableVersion) return 0;
    return recent.name === name && recent.value === value ? recent.index : 0;
  }

  remember(place: number, name: string, value: string, index: number, tableVersion: number): void {
    if (place < places) this.#recent[place] = { name, value, index, tableVersion };
  }
}

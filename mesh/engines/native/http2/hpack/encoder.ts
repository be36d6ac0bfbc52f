import { BlockWriter } from './block-writer.ts';
import { EncodedBlocks } from './encoded-blocks.ts';
import { indexed, indexing, neverIndexed, notIndexed } from './representations.ts';
import { EncoderTable } from './tables/encoder-table.ts';
import { staticFields } from './tables/static-table.ts';

/** Encodes the header blocks of a connection. Each has to be sent, and in the order in which they were encoded. */
export interface HpackEncoder {
  /**
   * The block of `fields`, which are name, value, name, value, … in characters up to U+00FF; else it throws a TypeError,
   * and the encoder goes on. `plain` are names whose values change from one block to the next; but for the
   * first, which the peer remembers for its name, they are sent as they are. The buffer may be given out again, so it is not to be changed.
   */
  encode(fields: readonly string[], plain?: ReadonlySet<string>): Buffer;
  /** What the peer announced as SETTINGS_HEADER_TABLE_SIZE, each value of it in order; no more than 4096 of it are used. */
  setMaxTableSize(bytes: number): void;
}

/** An encoder for one connection. */
export function createHpackEncoder(): HpackEncoder {
  return new Encoder();
}

const nothing: ReadonlySet<string> = new Set();
// Their values are hardly ever the same twice.
const alwaysPlain: ReadonlySet<string> = new Set(['content-length', 'date', 'grpc-timeout']);
// Who can have fields of his own sent beside these could guess them by the length of the block (RFC 7541 section 7.1).
const secret: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

// One for all connections, as a block is written in one go.
const writer = new BlockWriter();

// How many fields at the beginning of a block are remembered.
const places = 16;

class Encoder implements HpackEncoder {
  readonly #table = new EncoderTable();
  readonly #encoded = new EncodedBlocks();
  readonly #recent = new RecentIndexes();
  /** Whether the block that is written has a field that was not in a table. */
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
      // Fields of this block are in our table, and the peer will not hear of them.
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

  /** A plain field is, once: then its name is in the table, and the fields that come later have no need to spell it. */
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
 * Remembers the index of the field that stood last at each place of a block. Blocks are mostly like the one before, and to
 * look here first costs a fraction of a search in the tables.
 */
class RecentIndexes {
  readonly #recent = new Array<Recent | undefined>(places).fill(undefined);

  /** The index of a field, when the last one at this place was the same and the table still is; else 0. */
  find(place: number, name: string, value: string, tableVersion: number): number {
    const recent = place < places ? this.#recent[place] : undefined;
    if (recent === undefined || recent.tableVersion !== tableVersion) return 0;
    return recent.name === name && recent.value === value ? recent.index : 0;
  }

  remember(place: number, name: string, value: string, index: number, tableVersion: number): void {
    if (place < places) this.#recent[place] = { name, value, index, tableVersion };
  }
}

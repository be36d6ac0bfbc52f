import { entryBytes } from './tables/dynamic-table.ts';

/** The fields of a header block. A repeated block may return the same object, so it must not be changed. */
export class HeaderList {
  /** In order: name, value, name, value, …; empty if the list is too large. */
  readonly fields: readonly string[];
  /** The size as RFC 9113 section 6.5.2 counts it: names, values, and 32 for each field. */
  readonly bytes: number;
  /** Whether it exceeds the limit of the decoder. The stream can be refused, and the connection continues. */
  readonly tooLarge: boolean;
  /** What its reader derived from it, to be found when the same block comes again. */
  derived: unknown = undefined;

  constructor(fields: readonly string[], bytes: number, tooLarge: boolean) {
    this.fields = fields;
    this.bytes = bytes;
    this.tooLarge = tooLarge;
  }
}

const noFields: readonly string[] = [];

/** Collects the fields of one block at a time. Fields above the limit are counted but not kept. */
export class HeaderListBuilder {
  readonly #maxBytes: number;
  #fields: string[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(name: string, value: string): void {
    this.#bytes += entryBytes(name, value);
    if (this.#bytes <= this.#maxBytes) this.#fields.push(name, value);
  }

  /** Returns the list and begins a new one. */
  take(): HeaderList {
    const tooLarge = this.#bytes > this.#maxBytes;
    const list = new HeaderList(tooLarge ? noFields : this.#fields, this.#bytes, tooLarge);
    this.#fields = [];
    this.#bytes = 0;
    return list;
  }
}

import { entryBytes } from './tables/dynamic-table.ts';

/** The fields of a header block. A block that came before may give the very same object, so it is not to be changed. */
export class HeaderList {
  /** In order: name, value, name, value, …; empty when there were too many of them. */
  readonly fields: readonly string[];
  /** The size as RFC 9113 section 6.5.2 counts it: names and values, and 32 for each field. */
  readonly bytes: number;
  /** Whether it is larger than the decoder keeps. The stream can be refused; the connection may go on. */
  readonly tooLarge: boolean;
  /** A place for what its reader made of it, to be found there when the same block comes again. */
  derived: unknown = undefined;

  constructor(fields: readonly string[], bytes: number, tooLarge: boolean) {
    this.fields = fields;
    this.bytes = bytes;
    this.tooLarge = tooLarge;
  }
}

const noFields: readonly string[] = [];

/** Collects the fields of one block after the other. What is over the limit is counted, but not kept. */
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

  /** The list of what was added, and begins anew. */
  take(): HeaderList {
    const tooLarge = this.#bytes > this.#maxBytes;
    const list = new HeaderList(tooLarge ? noFields : this.#fields, this.#bytes, tooLarge);
    this.#fields = [];
    this.#bytes = 0;
    return list;
  }
}

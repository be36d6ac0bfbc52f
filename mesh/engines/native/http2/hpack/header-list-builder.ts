import { entryBytes } from './dynamic-table.ts';
import { HeaderList } from './header-list.ts';

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

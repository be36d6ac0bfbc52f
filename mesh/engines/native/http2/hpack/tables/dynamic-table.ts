/** The initial size of a table. */
export const defaultTableBytes = 4096;

const overheadBytes = 32;
const initialSlots = 16;

/** The size of a field, in a table and in a list of fields. Text is latin1, so a character is a byte. */
export function entryBytes(name: string, value: string): number {
  return name.length + value.length + overheadBytes;
}

/** The size of a list of fields (name, value, name, value, …), as RFC 9113 section 6.5.2 counts it. */
export function listBytes(fields: readonly string[]): number {
  let bytes = 0;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    bytes += entryBytes(fields[index] as string, fields[index + 1] as string);
  }
  return bytes;
}

/** Called for each entry that leaves the table, the oldest first. */
export type OnEvict = (name: string, value: string) => void;

/** The dynamic table (RFC 7541 section 2.3.2), in a ring buffer. */
export class DynamicTable {
  readonly #onEvict: OnEvict | undefined;
  #names: string[] = new Array<string>(initialSlots).fill('');
  #values: string[] = new Array<string>(initialSlots).fill('');
  /** The number of entries ever added; modulo the length of the ring, the slot of the next one. */
  #added = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;
  #version = 0;

  constructor(maxBytes: number, onEvict?: OnEvict) {
    this.#maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** The place of the newest entry. Places count from 1, in the order in which entries are added. */
  get newest(): number {
    return this.#added;
  }

  /** Changes whenever the table does, so what was derived from it is valid while this stays the same. */
  get version(): number {
    return this.#version;
  }

  /** The name of an entry; 1 is the newest, `count` the oldest. */
  nameAt(index: number): string {
    return this.#names[(this.#added - index) & (this.#names.length - 1)] as string;
  }

  valueAt(index: number): string {
    return this.#values[(this.#added - index) & (this.#values.length - 1)] as string;
  }

  /** Adds an entry as the newest. One that is larger than the table empties it and is not added, which is not a fault. */
  add(name: string, value: string): boolean {
    const bytes = entryBytes(name, value);
    this.#version++;
    this.#evictTo(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return false;
    if (this.#count === this.#names.length) this.#grow();
    const slot = this.#added & (this.#names.length - 1);
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#added++;
    this.#count++;
    this.#bytes += bytes;
    return true;
  }

  resize(maxBytes: number): void {
    if (maxBytes === this.#maxBytes) return;
    this.#version++;
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const slot = (this.#added - this.#count) & (this.#names.length - 1);
      const name = this.#names[slot] as string;
      const value = this.#values[slot] as string;
      this.#onEvict?.(name, value);
      this.#bytes -= entryBytes(name, value);
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#count--;
    }
  }

  /** Doubles the slots; each entry keeps its place in the larger ring. */
  #grow(): void {
    const slots = this.#names.length * 2;
    const names = new Array<string>(slots).fill('');
    const values = new Array<string>(slots).fill('');
    for (let index = 1; index <= this.#count; index++) {
      names[(this.#added - index) & (slots - 1)] = this.nameAt(index);
      values[(this.#added - index) & (slots - 1)] = this.valueAt(index);
    }
    this.#names = names;
    this.#values = values;
  }
}

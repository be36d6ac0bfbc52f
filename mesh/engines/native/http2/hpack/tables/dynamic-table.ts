/** The size of a table that nobody has said anything about. */
export const defaultTableBytes = 4096;

const overheadBytes = 32;
const initialSlots = 16;

/** What a field counts for, in a table and in a list of fields. Text is latin1, so a character is a byte. */
export function entryBytes(name: string, value: string): number {
  return name.length + value.length + overheadBytes;
}

/** What a list of fields (name, value, name, value, …) counts for: its size as RFC 9113 section 6.5.2 has it. */
export function listBytes(fields: readonly string[]): number {
  let bytes = 0;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    bytes += entryBytes(fields[index] as string, fields[index + 1] as string);
  }
  return bytes;
}

/** Hears of each entry that leaves the table, the oldest first. */
export type OnEvict = (name: string, value: string) => void;

/** The fields that one side has told the other to remember (RFC 7541 section 2.3.2), in a ring. */
export class DynamicTable {
  readonly #onEvict: OnEvict | undefined;
  #names: string[] = new Array<string>(initialSlots).fill('');
  #values: string[] = new Array<string>(initialSlots).fill('');
  /** How many entries were ever added; the next one goes to this slot, round the ring. */
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

  /** The place of the newest entry: entries are counted from 1 as they are added. */
  get newest(): number {
    return this.#added;
  }

  /** Changes whenever the table does, so what was made with it holds as long as this is the same. */
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

  /** Adds an entry as the newest. One that is larger than the table empties it, and is not added: that is no fault. */
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

  /** Twice the slots, each entry at its place in the larger ring. */
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

interface Encoded {
  readonly fields: readonly string[];
  readonly block: Buffer;
}

const slots = 16;

/**
 * Caches blocks that consist of indexes only, by their fields, while the table does not change. Responses have the same few
 * lists of fields again and again. Bounded: a list replaces another with the same slot.
 */
export class EncodedBlocks {
  readonly #encoded = new Array<Encoded | undefined>(slots).fill(undefined);
  #version = -1;

  find(fields: readonly string[], tableVersion: number): Buffer | undefined {
    if (this.#version !== tableVersion) return undefined;
    const encoded = this.#encoded[slotOf(fields)];
    return encoded !== undefined && isSame(encoded.fields, fields) ? encoded.block : undefined;
  }

  /** Keeps a block, and returns it in separate memory that is not a slice of a large buffer. */
  keep(fields: readonly string[], tableVersion: number, block: Buffer): Buffer {
    if (this.#version !== tableVersion) this.#encoded.fill(undefined);
    this.#version = tableVersion;
    const own = Buffer.allocUnsafeSlow(block.length);
    block.copy(own);
    this.#encoded[slotOf(fields)] = { fields: fields.slice(), block: own };
    return own;
  }
}

/** Uses the lengths and last characters of the texts, which are cheap to read. */
function slotOf(fields: readonly string[]): number {
  let hash = 0;
  for (let index = 0; index < fields.length; index++) {
    const text = fields[index] as string;
    hash = (Math.imul(hash, 31) + text.length) ^ text.charCodeAt(text.length - 1);
  }
  return (hash ^ (hash >>> 8)) & (slots - 1);
}

function isSame(fields: readonly string[], others: readonly string[]): boolean {
  if (fields.length !== others.length) return false;
  for (let index = 0; index < fields.length; index++) if (fields[index] !== others[index]) return false;
  return true;
}

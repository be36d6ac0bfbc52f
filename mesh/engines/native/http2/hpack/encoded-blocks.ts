interface Encoded {
  readonly fields: readonly string[];
  readonly block: Buffer;
}

const slots = 16;

/**
 * Keeps blocks that are nothing but indices, by the fields they stand for, while the table stays as it is: answers have the
 * same few lists of fields again and again. Bounded; a list takes the place of another that comes to the same slot.
 */
export class EncodedBlocks {
  readonly #encoded = new Array<Encoded | undefined>(slots).fill(undefined);
  #version = -1;

  find(fields: readonly string[], tableVersion: number): Buffer | undefined {
    if (this.#version !== tableVersion) return undefined;
    const encoded = this.#encoded[slotOf(fields)];
    return encoded !== undefined && isSame(encoded.fields, fields) ? encoded.block : undefined;
  }

  /** Keeps a block, and gives it back in memory of its own, which is no slice of a large buffer. */
  keep(fields: readonly string[], tableVersion: number, block: Buffer): Buffer {
    if (this.#version !== tableVersion) this.#encoded.fill(undefined);
    this.#version = tableVersion;
    const own = Buffer.allocUnsafeSlow(block.length);
    block.copy(own);
    this.#encoded[slotOf(fields)] = { fields: fields.slice(), block: own };
    return own;
  }
}

/** By how long the texts are and what they end with, which is at hand. */
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

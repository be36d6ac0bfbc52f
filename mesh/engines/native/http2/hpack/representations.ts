/** How a field is represented in a block (RFC 7541 section 6): the bits that mark it, and the bits of the integer after them. */
export interface Representation {
  readonly pattern: number;
  readonly mask: number;
}

/** A field that is in a table. */
export const indexed: Representation = { pattern: 0x80, mask: 0x7f };
/** A literal that the peer adds to its table. */
export const indexing: Representation = { pattern: 0x40, mask: 0x3f };
/** Not a field: a new table size. */
export const tableSize: Representation = { pattern: 0x20, mask: 0x1f };
/** A literal that no intermediary may index, because it is secret. */
export const neverIndexed: Representation = { pattern: 0x10, mask: 0x0f };
/** A literal that is not indexed. */
export const notIndexed: Representation = { pattern: 0x00, mask: 0x0f };

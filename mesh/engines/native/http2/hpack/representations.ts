/** How a field stands in a block (RFC 7541 section 6): bits that say which way, and the bits of the integer behind them. */
export interface Representation {
  readonly pattern: number;
  readonly mask: number;
}

/** A field of a table. */
export const indexed: Representation = { pattern: 0x80, mask: 0x7f };
/** A field that the other side is to remember. */
export const indexing: Representation = { pattern: 0x40, mask: 0x3f };
/** Not a field: how much the other side may remember from now on. */
export const tableSize: Representation = { pattern: 0x20, mask: 0x1f };
/** A field that nobody on the way may remember, for it is secret. */
export const neverIndexed: Representation = { pattern: 0x10, mask: 0x0f };
/** A field that is not worth remembering. */
export const notIndexed: Representation = { pattern: 0x00, mask: 0x0f };

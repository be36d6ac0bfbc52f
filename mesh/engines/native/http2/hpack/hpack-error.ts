/**
 * A fault in a header block. The tables of the two sides may differ afterwards, so the connection has to end with
 * COMPRESSION_ERROR (RFC 9113 section 4.3).
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

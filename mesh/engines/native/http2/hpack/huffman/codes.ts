/** The end-of-string symbol. Padding is the beginning of its code; the code itself never occurs in a string. */
export const endOfString = 256;

/** The length in bits of the code of each byte, and of the end of a string as the last one (RFC 7541 appendix B). */
export const codeBits: Uint8Array = new Uint8Array([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]);

/** The code of each symbol. The RFC's code is canonical, so it follows from the lengths. */
export const codes: Uint32Array = canonicalCodes(codeBits);

/** Within a length, codes ascend with the symbol; each length continues where the previous one ended. */
function canonicalCodes(bits: Uint8Array): Uint32Array {
  const found = new Uint32Array(bits.length);
  let next = 0;
  for (let length = 1; length <= Math.max(...bits); length++) {
    next *= 2;
    for (let symbol = 0; symbol < bits.length; symbol++) if (bits[symbol] === length) found[symbol] = next++;
  }
  return found;
}

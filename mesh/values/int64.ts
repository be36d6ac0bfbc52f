/** The greatest 64-bit integer, which a BIGINT column and an int64 field can hold. */
export const maxInt64 = 2n ** 63n - 1n;

/** Whether an integer fits into 64 bits. */
export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

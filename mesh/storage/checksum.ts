import { crc32 } from 'node:zlib';
import type { SqlValue } from './storage.ts';

/**
 * A CRC-32 over values of a row, with their types and lengths, so no two lists of values have the same bytes. It detects every
 * change of up to four adjacent bytes, and all others except one in four billion. It is not a signature. `seed` is the checksum
 * of what comes before.
 */
export function checksumOf(values: readonly SqlValue[], seed = 0n): bigint {
  let sum = Number(seed);
  let text = '';
  for (const value of values) {
    if (typeof value === 'string') text += `s${value.length}:${value}`;
    else if (typeof value === 'bigint') text += `i${value};`;
    else if (value === null) text += 'n';
    else if (typeof value === 'number') text += `f${value};`;
    else {
      sum = crc32(value, crc32(`${text}b${value.length};`, sum));
      text = '';
    }
  }
  return BigInt(text === '' ? sum : crc32(text, sum));
}

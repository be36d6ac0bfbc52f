import { type HpackDecoder, HpackError } from '../http2/hpack/decoder.ts';

const firstDynamicIndex = 62;
const lastShortIndex = 126;

/** The entries of a decoder's dynamic table, newest first, read with blocks that refer to one entry at a time. */
export function tableOf(decoder: HpackDecoder): string[] {
  const fields: string[] = [];
  for (let index = firstDynamicIndex; index <= lastShortIndex; index++) {
    try {
      fields.push(...decoder.decode(Buffer.of(0x80 | index)).fields);
    } catch (error) {
      if (error instanceof HpackError) return fields;
      throw error;
    }
  }
  throw new Error('the table has more entries than can be asked for');
}

/** The size of entries as RFC 7541 section 4.1 counts them. */
export function bytesOf(fields: readonly string[]): number {
  return fields.reduce((bytes, text) => bytes + text.length, (fields.length / 2) * 32);
}

// Writes DER, the encoding of certificates (ITU-T X.690), as far as they need it.

/** Encodes a value with its tag and length. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const bytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError(`a value of ${length} bytes is too long`);
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]) => tagged(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]) => tagged(0x31, ...parts);
export const octets = (...parts: readonly Uint8Array[]) => tagged(0x04, ...parts);
export const utf8 = (text: string) => tagged(0x0c, Buffer.from(text));
export const boolean = (value: boolean) => tagged(0x01, Buffer.from([value ? 0xff : 0]));
/** Bits that fill whole bytes, or of which the last `unused` count for nothing. */
export const bits = (value: Uint8Array, unused = 0) => tagged(0x03, Buffer.from([unused]), value);

/** A positive integer of these bytes, the highest first. */
export function integer(bytes: Uint8Array): Buffer {
  const [first = 0] = bytes;
  return tagged(0x02, first >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** `2.5.29.17`. */
export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seconds count, fractions do not. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
  // RFC 5280, 4.1.2.5: with two digits for the year until 2049.
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}

function base128(value: number): number[] {
  const low = value & 0x7f;
  const rest: number[] = [];
  for (let high = value >> 7; high > 0; high >>= 7) rest.unshift((high & 0x7f) | 0x80);
  return [...rest, low];
}

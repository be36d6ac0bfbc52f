/**
 * Encodes fields as literals without indexing (RFC 7541 section 6.2.2). The bytes depend on no table, so they can be made once
 * for all connections.
 */
export function literalFields(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (name === ':status' && value === '200') parts.push(Buffer.from([0x88]));
    else parts.push(Buffer.from([0x00]), literal(name), literal(value));
  }
  return Buffer.concat(parts);
}

/** A plain string after its length, which has a prefix of seven bits. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}

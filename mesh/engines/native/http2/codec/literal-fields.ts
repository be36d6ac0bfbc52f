/**
 * Encodes fields as literals without indexing (RFC 7541 section 6.2.2). The bytes depend on no table, so they can be made once
 * for all connections.
 */
export function literalFields(fields: readonly string[]): Buffer {
  // Text is latin1, so a character is a byte.
  let bytes = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    bytes += isOk(name, value) ? 1 : 1 + literalBytes(name) + literalBytes(value);
  }
  const block = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (isOk(name, value)) {
      block[at++] = 0x88;
      continue;
    }
    block[at++] = 0x00;
    at = writeLiteral(block, at, name);
    at = writeLiteral(block, at, value);
  }
  return block;
}

/** Whether the field is in the static table with its value. */
function isOk(name: string, value: string): boolean {
  return name === ':status' && value === '200';
}

/** The bytes of a plain string after its length, which has a prefix of seven bits. */
function literalBytes({ length }: string): number {
  let bytes = 1 + length;
  if (length < 127) return bytes;
  for (let rest = length - 127; rest >= 128; rest >>>= 7) bytes += 1;
  return bytes + 1;
}

function writeLiteral(block: Buffer, start: number, text: string): number {
  let at = start;
  if (text.length < 127) {
    block[at++] = text.length;
  } else {
    block[at++] = 127;
    let rest = text.length - 127;
    for (; rest >= 128; rest >>>= 7) block[at++] = (rest & 127) | 128;
    block[at++] = rest;
  }
  return at + block.write(text, at, 'latin1');
}

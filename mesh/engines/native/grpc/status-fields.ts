/** The fields of a status: `grpc-status` and, if there is a text, `grpc-message`. */
export function statusFields(code: number, details: string): string[] {
  return details === ''
    ? ['grpc-status', `${code}`]
    : ['grpc-status', `${code}`, 'grpc-message', percentEncode(details)];
}

/** Encodes a text for `grpc-message`: UTF-8, percent-encoded except for printable ASCII. */
export function percentEncode(text: string): string {
  // A field must not begin or end with a blank.
  if (/^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/.test(text)) return text;
  let encoded = '';
  const bytes = Buffer.from(text);
  for (const [index, byte] of bytes.entries()) {
    const isEdge = index === 0 || index === bytes.length - 1;
    const isPlain = byte > (isEdge ? 0x20 : 0x1f) && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : hexOf(byte);
  }
  return encoded;
}

/** Decodes a `grpc-message`. Invalid percent-encoding stays as it is. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const code = /^%[0-9a-fA-F]{2}/.exec(text.slice(index, index + 3))?.[0];
    if (code === undefined) {
      bytes.push(text.charCodeAt(index) & 0xff);
      continue;
    }
    bytes.push(Number.parseInt(code.slice(1), 16));
    index += 2;
  }
  return Buffer.from(bytes).toString();
}

function hexOf(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The fields that end a call with a status: `grpc-status` and, where there is one, `grpc-message`. */
export function statusFields(code: number, details: string): string[] {
  return details === ''
    ? ['grpc-status', `${code}`]
    : ['grpc-status', `${code}`, 'grpc-message', encodeMessage(details)];
}

/** A text as `grpc-message` has it: UTF-8 with all but printable ASCII, and the percent sign, percent-encoded. */
export function encodeMessage(text: string): string {
  // A field may not begin or end with a blank.
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

/** The text of a `grpc-message`; what is not percent-encoded rightly stays as it is. */
export function decodeMessage(text: string): string {
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

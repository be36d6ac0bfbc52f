const standard = /^[A-Za-z0-9+/]*={0,2}$/;
const urlSafe = /^[A-Za-z0-9_-]*={0,2}$/;

/**
 * Decodes base64 in the standard or the URL-safe alphabet, with or without padding. `undefined` for any other text: a mix of
 * both, a wrong padding, or bits that belong to no byte.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!standard.test(text) && !urlSafe.test(text)) return undefined;
  const unpadded = withoutPadding(text);
  if (unpadded === undefined) return undefined;
  const bytes = Buffer.from(unpadded, 'base64');
  // Node ignores what it cannot use, so only what it encodes in the same way was complete.
  const again = bytes.toString(text.includes('+') || text.includes('/') ? 'base64' : 'base64url');
  return withoutPadding(again) === unpadded ? new Uint8Array(bytes) : undefined;
}

function withoutPadding(text: string): string | undefined {
  if (!text.endsWith('=')) return text;
  if (text.length % 4 !== 0) return undefined;
  return text.endsWith('==') ? text.slice(0, -2) : text.slice(0, -1);
}

import { isUtf8 } from 'node:buffer';
import { invalidRequest } from '../../errors/errors.ts';

/** Returns the text of a body. Throws INVALID_ARGUMENT `INVALID_FIELD` if its bytes are not UTF-8. */
export function decodeBody(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw invalidRequest([{ field: 'body', description: 'is not valid UTF-8' }]);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

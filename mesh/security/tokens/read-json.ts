import { JsonSyntaxError, parseJson } from '../../json/parse-json.ts';
import { repeatedKey } from '../../json/unique-members.ts';
import { TokenRefusal } from './token-refusal.ts';

/** The members of a JSON object. */
export type Members = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a part of a token. Refuses what two readers could understand differently: other than the shortest base64url,
 * bytes that are not UTF-8, and repeated members, of which some take the first and some the last.
 */
export function readPart(part: string, name: 'header' | 'payload'): Members {
  if (!isBase64Url(part)) throw new TokenRefusal('malformed', `has a ${name} that is not base64url`);
  const text = textOf(Buffer.from(part, 'base64url'), name);
  assertUnique(text, name);
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw new TokenRefusal(name === 'payload' ? 'nested' : 'malformed', `has a ${name} that is not an object`);
}

/** Whether a part is base64url without padding, in the one form that its bytes have. */
export function isBase64Url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TokenRefusal('malformed', `has a ${name} that is not UTF-8`);
  }
}

function assertUnique(text: string, name: string): void {
  const key = repeatedKey(nodeOf(text, name));
  if (key === undefined) return;
  throw new TokenRefusal(
    'malformed',
    `has a ${name} with the member ${JSON.stringify(key.slice(0, 64))} more than once`,
  );
}

function nodeOf(text: string, name: string) {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new TokenRefusal('malformed', `has a ${name} that ${error.message}`);
    throw error;
  }
}

import { isBase64Url, type Members, readPart } from './read-json.ts';
import { TokenRefusal } from './token-refusal.ts';

/** How tokens may be signed: with a key of the issuer of which only the public half is known here. */
export const tokenAlgorithms = ['ES256', 'RS256', 'EdDSA'] as const;
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** The largest token, in bytes. */
export const maxTokenBytes = 8 * 1024;

/** What the header of a token says. */
export interface TokenHeader {
  readonly alg: TokenAlgorithm;
  /** The name of the key, which is looked up in the key set and nowhere else. */
  readonly kid: string;
  /** The payload, as it was sent. */
  readonly payload: string;
}

/** Members by which the sender would choose the key, or change what is signed. */
const refusedMembers = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'enc', 'zip', 'epk'];
const keyName = /^[\x21-\x7e]{1,256}$/;
const tokenCharacters = /^[A-Za-z0-9_.-]*$/;
const encryptedParts = 5;

/** Reads the header of a token, whose signature is not verified yet. Throws a TokenRefusal. */
export function readHeader(token: string): TokenHeader {
  // The header has another scheme, or none.
  if (token === '') throw new TokenRefusal('not_bearer', 'is not sent as "authorization: Bearer <token>"');
  if (token.length > maxTokenBytes) throw new TokenRefusal('too_large', `is larger than ${maxTokenBytes} bytes`);
  if (!tokenCharacters.test(token)) throw new TokenRefusal('malformed', 'is not base64url');
  const parts = token.split('.');
  if (parts.length === encryptedParts) throw new TokenRefusal('encrypted', 'is encrypted, which is not supported');
  if (parts.length !== 3) throw new TokenRefusal('malformed', 'does not have three parts');
  const [first = '', payload = '', signature = ''] = parts;
  const header = readPart(first, 'header');
  const refused = refusedMembers.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined) throw new TokenRefusal('header', `has a header with ${refused}, which is not supported`);
  const alg = algorithmOf(header);
  if (!isBase64Url(signature)) throw new TokenRefusal('malformed', 'has a signature that is not base64url');
  return { alg, kid: kidOf(header), payload };
}

function algorithmOf({ alg, typ, cty }: Members): TokenAlgorithm {
  const known = tokenAlgorithms.find((name) => name === alg);
  if (known === undefined) {
    const shown = typeof alg === 'string' ? JSON.stringify(alg.slice(0, 32)) : 'no text';
    throw new TokenRefusal('algorithm', `has the alg ${shown}: only ${tokenAlgorithms.join(', ')} are believed`);
  }
  if (cty !== undefined) throw new TokenRefusal('nested', 'has a cty: nested tokens are not supported');
  if (typ !== undefined && !isTokenType(typ)) throw new TokenRefusal('header', 'has a typ that is not JWT or at+jwt');
  return known;
}

/** RFC 7519 and RFC 9068. */
function isTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?(?:jwt|at\+jwt)$/i.test(typ);
}

function kidOf({ kid }: Members): string {
  if (typeof kid === 'string' && keyName.test(kid)) return kid;
  throw new TokenRefusal('unknown_key', kid === undefined ? 'has no kid' : 'has a kid that names no key');
}

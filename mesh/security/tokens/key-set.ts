import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import { messageOf } from '../../errors/error-text.ts';
import type { TokenAlgorithm } from './read-header.ts';

/** A public key of the issuer. */
export interface VerificationKey {
  readonly alg: TokenAlgorithm;
  readonly key: CryptoKey;
  /** The same for the same key (RFC 7638). */
  readonly thumbprint: string;
}

/** A key set (RFC 7517), with the keys that may verify tokens. */
export interface KeySet {
  /** By their `kid`. */
  readonly keys: ReadonlyMap<string, VerificationKey>;
  /** One line for each key that was left out. */
  readonly refused: readonly string[];
}

const minRsaBits = 2_048;
const keyName = /^[\x21-\x7e]{1,256}$/;
/** Members that only the issuer may have: those of private keys, and of keys with which both sides sign. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;
const maxKeys = 100;

/**
 * Reads a key set. Keys for other uses and algorithms are left out, as are private, symmetric and weak ones. Throws an
 * Error whose text says what is wrong if no key is left.
 */
export async function readKeySet(text: string): Promise<KeySet> {
  const listed = listOf(text);
  if (listed.length > maxKeys) throw new Error(`it has more than ${maxKeys} keys`);
  const keys = new Map<string, VerificationKey>();
  const refused: string[] = [];
  for (const [index, jwk] of listed.entries()) {
    const name = nameOf(jwk, index);
    try {
      const [kid, key] = await readKey(jwk);
      if (keys.has(kid)) throw new Error('another key has its kid');
      keys.set(kid, key);
    } catch (error) {
      refused.push(`${name}: ${messageOf(error)}`);
    }
  }
  if (keys.size > 0) return { keys, refused };
  throw new Error(refused.length === 0 ? 'it has no keys' : `it has no usable key (${refused.join('; ')})`);
}

function listOf(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(noJsonProblem(text));
  }
  if (typeof value === 'object' && value !== null && 'kty' in value)
    throw new Error('it is one key: put it into a list "keys"');
  if (typeof value === 'object' && value !== null && 'jwks_uri' in value)
    throw new Error('it is the configuration of an issuer: use the address that it has as jwks_uri');
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (Array.isArray(keys)) return keys;
  throw new Error('it has no list "keys"');
}

/** Shows nothing of the text, which may be secret. */
function noJsonProblem(text: string): string {
  if (text.trim() === '') return 'it is empty';
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    return 'it is a private key in PEM, which only the issuer may have: use its public keys, as JSON';
  return text.includes('-----BEGIN ') ? 'it is PEM: use the keys of the issuer as JSON' : 'it is not JSON';
}

function nameOf(jwk: unknown, index: number): string {
  const kid = typeof jwk === 'object' && jwk !== null && 'kid' in jwk ? jwk.kid : undefined;
  return typeof kid === 'string' ? JSON.stringify(kid.slice(0, 64)) : `key ${index + 1}`;
}

async function readKey(value: unknown): Promise<readonly [kid: string, VerificationKey]> {
  if (typeof value !== 'object' || value === null) throw new Error('it is not an object');
  const jwk = value as JWK;
  if (secretMembers.some((name) => Object.hasOwn(jwk, name))) throw new Error('it is secret, and is published here');
  const { kid, use, alg } = jwk;
  const known = algorithmOf(jwk);
  if (use === undefined && alg === undefined) throw new Error('neither use nor alg says what it is for');
  if (use !== undefined && use !== 'sig') throw new Error(`its use is ${JSON.stringify(use)}`);
  if (alg !== undefined && alg !== known.alg) throw new Error(`its alg is ${JSON.stringify(alg)}, not ${known.alg}`);
  if (jwk.key_ops !== undefined && !jwk.key_ops.includes('verify')) throw new Error('its key_ops do not have verify');
  if (typeof kid !== 'string' || !keyName.test(kid)) throw new Error('it has no kid');
  const key = (await importJWK(known.jwk, known.alg)) as CryptoKey;
  const { modulusLength: bits } = key.algorithm as { readonly modulusLength?: number };
  if (bits !== undefined && bits < minRsaBits) throw new Error(`it has ${bits} bits, less than ${minRsaBits}`);
  return [kid, { alg: known.alg, key, thumbprint: await calculateJwkThumbprint(known.jwk) }];
}

/** Returns what a key signs with, and only those of its members that make the key. */
function algorithmOf({ kty, crv, x, y, n, e }: JWK): { readonly alg: TokenAlgorithm; readonly jwk: JWK } {
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined)
    return { alg: 'ES256', jwk: { kty, crv, x, y } };
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined) return { alg: 'EdDSA', jwk: { kty, crv, x } };
  if (kty === 'RSA' && n !== undefined && e !== undefined) return { alg: 'RS256', jwk: { kty, n, e } };
  throw new Error(`it is of another kind (${kty}${crv === undefined ? '' : ` ${crv}`})`);
}

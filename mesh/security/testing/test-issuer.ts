import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { TokenAlgorithm } from '../tokens/read-header.ts';

/** Claims and header of a token; what is `undefined` is left out. */
export interface TokenChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer of tokens for tests. */
export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly alg: TokenAlgorithm;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** Its public key, as a key set has it. */
  readonly jwk: JWK;
  /** The text of a key set with its key alone. */
  readonly keySet: string;
  /** Signs a token for a subject, valid for 5 min from `nowMs`. */
  sign(subject: string, changes?: TokenChanges): Promise<string>;
}

export interface TestIssuerOptions {
  /** Default: ES256. */
  readonly alg?: TokenAlgorithm;
  /** Default: `key-1`. */
  readonly kid?: string;
  /** The time since the epoch. Default: that of the machine. */
  readonly now?: () => number;
}

/** Creates an issuer with a new key. */
export async function createTestIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { alg = 'ES256', kid = 'key-1', now = Date.now } = options;
  const [issuer, audience] = ['https://login.example/', 'ordermesh'];
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return {
    issuer,
    audience,
    alg,
    kid,
    privateKey,
    jwk,
    keySet: JSON.stringify({ keys: [jwk] }),
    async sign(subject, { claims, header } = {}) {
      const seconds = Math.floor(now() / 1_000);
      const all = { iss: issuer, aud: audience, sub: subject, iat: seconds, exp: seconds + 300, ...claims };
      const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as JWTPayload;
      return await new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey);
    },
  };
}

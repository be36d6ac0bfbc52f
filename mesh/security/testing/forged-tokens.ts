import { createHmac, createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import type { JWK } from 'jose';
import type { RefusalKind } from '../tokens/token-refusal.ts';
import { createTestIssuer, type TestIssuer } from './test-issuer.ts';

/** A token that must not be believed. */
export interface ForgedToken {
  readonly name: string;
  readonly token: string;
  /** As what the log and the metric name it. */
  readonly kind: RefusalKind;
}

/** Forged tokens, and the key set that their issuer publishes: with a weak key in it. */
export interface Forgeries {
  readonly tokens: readonly ForgedToken[];
  readonly keySet: string;
}

const base64 = (value: string | Uint8Array) => Buffer.from(value).toString('base64url');
const json = (value: unknown) => base64(JSON.stringify(value));

/** Signs a header and a payload, as they are. */
async function signTexts(issuer: TestIssuer, header: string, payload: string): Promise<string> {
  const input = `${base64(header)}.${base64(payload)}`;
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(algorithm, issuer.privateKey, Buffer.from(input));
  return `${input}.${base64(new Uint8Array(signature))}`;
}

/**
 * Forges tokens of an issuer that signs with ES256, whose subject would be `eve`. `nowMs` is the time of the verifier.
 */
export async function forgeTokens(issuer: TestIssuer, nowMs = Date.now()): Promise<Forgeries> {
  const good = await issuer.sign('eve');
  const [header = '', payload = '', signature = ''] = good.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const seconds = Math.floor(nowMs / 1_000);
  const withClaims = (changes: object) => issuer.sign('eve', { claims: { ...changes } });
  const withHeader = (changes: object) => issuer.sign('eve', { header: { ...changes } });
  const signed = (payloadText: string) => signTexts(issuer, `{"alg":"ES256","kid":"${issuer.kid}"}`, payloadText);
  const headed = (headerText: string) => signTexts(issuer, headerText, JSON.stringify(claims));
  const attacker = await createTestIssuer({ kid: issuer.kid });
  const weak = weakKey();
  const head = { alg: 'ES256', kid: issuer.kid };
  const tokens: readonly (readonly [name: string, kind: RefusalKind, token: string])[] = [
    ['alg none', 'algorithm', `${json({ alg: 'none' })}.${payload}.`],
    ['alg None', 'algorithm', `${json({ ...head, alg: 'None' })}.${payload}.${signature}`],
    ['HMAC with the public key', 'algorithm', hmacWith(issuer.jwk, payload)],
    ['an algorithm that is not on the list', 'algorithm', `${json({ ...head, alg: 'ES384' })}.${payload}.${signature}`],
    ['the algorithm of another kind of key', 'algorithm', `${json({ ...head, alg: 'RS256' })}.${payload}.${signature}`],
    ['no kid', 'unknown_key', await withHeader({ kid: undefined })],
    ['an unknown kid', 'unknown_key', await withHeader({ kid: 'key-9' })],
    ['a kid with a path', 'unknown_key', await withHeader({ kid: '../../../../dev/null' })],
    ['a kid with a URL', 'unknown_key', await withHeader({ kid: 'http://127.0.0.1:1/keys' })],
    ['a kid with SQL', 'unknown_key', await withHeader({ kid: "x' UNION SELECT 'key'; --" })],
    ['a kid that objects have', 'unknown_key', await withHeader({ kid: '__proto__' })],
    ['the key of another issuer', 'signature', await attacker.sign('eve')],
    ['another issuer', 'issuer', await withClaims({ iss: 'https://evil.example/' })],
    ['an issuer with another slash', 'issuer', await withClaims({ iss: issuer.issuer.slice(0, -1) })],
    ['another audience', 'audience', await withClaims({ aud: ['another', 'ordermesh2'] })],
    ['no audience', 'audience', await withClaims({ aud: undefined })],
    ['an end that has passed', 'expired', await withClaims({ iat: seconds - 7_200, exp: seconds - 3_600 })],
    ['no end', 'claims', await withClaims({ exp: undefined })],
    ['an end that is a text', 'claims', await signed(JSON.stringify({ ...claims, exp: '9999999999' }))],
    ['an end beyond numbers', 'claims', await signed(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'))],
    ['a begin in the future', 'not_yet_valid', await withClaims({ nbf: seconds + 3_600 })],
    ['an issue in the future', 'not_yet_valid', await withClaims({ iat: seconds + 3_600, exp: seconds + 7_200 })],
    ['a changed payload', 'signature', `${header}.${json({ ...claims, sub: 'admin' })}.${signature}`],
    ['a changed header', 'signature', `${json({ ...head, typ: 'at+jwt' })}.${payload}.${signature}`],
    ['a changed signature', 'signature', `${header}.${payload}.${base64(Buffer.alloc(64, 7))}`],
    ['a signature of zeros', 'signature', `${header}.${payload}.${base64(Buffer.alloc(64))}`],
    ['no signature', 'malformed', `${header}.${payload}.`],
    ['too many bytes', 'too_large', await withClaims({ more: 'a'.repeat(8 * 1024) })],
    ['another token in it', 'malformed', await signed(good)],
    ['another token as JSON', 'nested', await signed(JSON.stringify(good))],
    ['a cty of JWT', 'nested', await withHeader({ cty: 'JWT' })],
    ['a repeated claim', 'malformed', await signed(`{"sub":"admin",${JSON.stringify(claims).slice(1)}`)],
    [
      'a repeated member of the header',
      'malformed',
      await headed(`{"alg":"none","alg":"ES256","kid":"${issuer.kid}"}`),
    ],
    ['no subject', 'claims', await withClaims({ sub: undefined })],
    ['an empty subject', 'claims', await withClaims({ sub: '' })],
    ['a subject that breaks lines', 'claims', await withClaims({ sub: 'eve\r\nmesh-roles: operator' })],
    ['a subject that is a number', 'claims', await signed(JSON.stringify({ ...claims, sub: 7 }))],
    ['roles that are an object', 'claims', await withClaims({ roles: { 0: 'operator', length: 1 } })],
    ['too many roles', 'claims', await withClaims({ roles: Array.from({ length: 33 }, (_, index) => `r${index}`) })],
    ['crit', 'header', await headed(`{"alg":"ES256","kid":"${issuer.kid}","crit":["exp"],"exp":1}`)],
    ['an embedded key', 'header', await attacker.sign('eve', { header: { jwk: attacker.jwk } })],
    ['the URL of a key set', 'header', await attacker.sign('eve', { header: { jku: 'https://evil.example/keys' } })],
    ['a chain of certificates', 'header', await attacker.sign('eve', { header: { x5c: ['MIIB'] } })],
    ['the type of another kind of token', 'header', await withHeader({ typ: 'dpop+jwt' })],
    ['an RSA key of 1024 bits', 'unknown_key', weak.sign(claims)],
    ['its end cut off', 'signature', good.slice(0, -10)],
    ['its beginning cut off', 'malformed', good.slice(3)],
    ['only two parts', 'malformed', `${header}.${payload}`],
    ['two tokens', 'malformed', `${good},${good}`],
    ['a padded signature', 'malformed', `${good}==`],
    ['base64 of another alphabet', 'malformed', `${header}.${payload.slice(0, -1)}+.${signature}`],
    ['an encrypted token', 'encrypted', `${json({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AA.AA.AA.AA`],
    ['no JSON', 'malformed', `${base64('{"alg":')}.${payload}.${signature}`],
    ['no UTF-8', 'malformed', `${base64(Buffer.from([0x7b, 0xff, 0x7d]))}.${payload}.${signature}`],
  ];
  return {
    tokens: tokens.map(([name, kind, token]) => ({ name, kind, token })),
    keySet: JSON.stringify({ keys: [issuer.jwk, weak.jwk] }),
  };
}

/** Takes the public key for a shared secret, as a verifier would that lets the token choose the algorithm. */
function hmacWith(jwk: JWK, payload: string): string {
  const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const input = `${json({ alg: 'HS256', kid: jwk.kid })}.${payload}`;
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}

function weakKey(): { readonly jwk: JWK; sign(claims: object): string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256', use: 'sig' } as JWK;
  return {
    jwk,
    sign(claims) {
      const input = `${json({ alg: 'RS256', kid: 'weak' })}.${json(claims)}`;
      return `${input}.${base64(signBytes('sha256', Buffer.from(input), privateKey))}`;
    },
  };
}

/** Yields without end what `good`, a token signed with ES256, says, each time with another wrong signature. */
export function* manyForged(good: string): Generator<string, never> {
  const signed = good.slice(0, good.lastIndexOf('.'));
  for (let count = 1; ; count += 1) {
    const signature = Buffer.alloc(64, 7);
    signature.writeUInt32BE(count, 28);
    yield `${signed}.${base64(signature)}`;
  }
}

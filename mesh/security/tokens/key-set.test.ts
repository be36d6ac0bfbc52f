import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTestIssuer } from '../testing/test-issuer.ts';
import { readKeySet } from './key-set.ts';

let jwk: JWK;
let rsa: JWK;
beforeAll(async () => {
  ({ jwk } = await createTestIssuer());
  ({ jwk: rsa } = await createTestIssuer({ alg: 'RS256', kid: 'rsa' }));
});

const setOf = (...keys: readonly unknown[]) => JSON.stringify({ keys });

describe('a key set', () => {
  it('has the keys of each algorithm', async () => {
    const { jwk: ed } = await createTestIssuer({ alg: 'EdDSA', kid: 'ed' });
    const { keys, refused } = await readKeySet(setOf(jwk, rsa, ed));
    expect([...keys].map(([kid, { alg }]) => `${kid} ${alg}`)).toEqual(['key-1 ES256', 'rsa RS256', 'ed EdDSA']);
    expect(refused).toEqual([]);
  });

  it.each([
    ['a private key', () => ({ ...jwk, kid: 'x', d: 'AA' }), '"x": it is secret, and is published here'],
    ['a symmetric key', () => ({ kty: 'oct', kid: 'x', alg: 'HS256', k: 'AA' }), '"x": it is secret'],
    ['a key without a purpose', () => ({ ...jwk, kid: 'x', use: undefined, alg: undefined }), 'neither use nor alg'],
    ['a key for encryption', () => ({ ...jwk, kid: 'x', use: 'enc' }), 'its use is "enc"'],
    ['a key of another algorithm', () => ({ ...rsa, kid: 'x', alg: 'PS256' }), 'its alg is "PS256", not RS256'],
    ['a key of another curve', () => ({ ...jwk, kid: 'x', crv: 'P-384' }), 'it is of another kind (EC P-384)'],
    ['a point that is not on its curve', () => ({ ...jwk, kid: 'x', x: jwk.y }), '"x": '],
    ['a key without a name', () => ({ ...jwk, kid: undefined }), 'key 2: it has no kid'],
    ['a second key of a name', () => jwk, 'another key has its kid'],
    ['a key that may not verify', () => ({ ...jwk, kid: 'x', key_ops: ['sign'] }), 'its key_ops do not have verify'],
    ['a weak key', () => ({ ...weak(), kid: 'x', use: 'sig' }), '"x": it has 1024 bits, less than 2048'],
    ['what is no key', () => 'key', 'key 2: it is not an object'],
  ])('leaves out %s, with a line', async (_, other, line) => {
    const { keys, refused } = await readKeySet(setOf(jwk, other()));
    expect([...keys.keys()]).toEqual(['key-1']);
    expect(refused).toEqual([expect.stringContaining(line)]);
  });

  it.each([
    ['nothing', '\n', 'it is empty'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\n', 'it is a private key in PEM'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\n', 'it is PEM: use the keys of the issuer as JSON'],
    ['one key', '{"kty":"EC"}', 'it is one key: put it into a list "keys"'],
    ['a configuration', '{"issuer":"x","jwks_uri":"https://x"}', 'it is the configuration of an issuer'],
    ['no JSON', '<html>', 'it is not JSON'],
    ['no list', '{"keys":{}}', 'it has no list "keys"'],
    ['null', 'null', 'it has no list "keys"'],
    ['an empty list', '{"keys":[]}', 'it has no keys'],
    ['no usable key', '{"keys":[{"kty":"oct","k":"AA"}]}', 'it has no usable key (key 1: it is secret'],
    ['too many keys', setOf(...Array.from({ length: 101 }, () => ({}))), 'it has more than 100 keys'],
  ])('is refused if it is %s', async (_, text, problem) => {
    await expect(readKeySet(text)).rejects.toThrow(problem);
  });
});

function weak(): object {
  return generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
}

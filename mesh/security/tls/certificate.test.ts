import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTestCa } from '../../testing/certificates.ts';
import type { CertificateRequest } from '../../testing/x509/issue.ts';
import { certificateFacts, weaknessOf } from './certificate.ts';

const ca = await createTestCa();
const factsOf = (request: CertificateRequest) => certificateFacts(new X509Certificate(ca.issue(request).cert));

describe('the facts of a certificate', () => {
  it('are its names, dates, key and what it may be used for', () => {
    const [notBeforeMs, notAfterMs] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];
    const uris = ['spiffe://ordermesh/order'];
    expect(factsOf({ commonName: 'order', names: ['localhost'], uris, notBeforeMs, notAfterMs })).toMatchObject({
      subject: 'CN=order',
      notBeforeMs,
      notAfterMs,
      uris,
      isCa: false,
      signsOthers: false,
      signsHandshakes: true,
      uses: ['server', 'client'],
      key: { type: 'ec', bits: 256 },
      signature: 'ecdsa-with-SHA256',
    });
  });

  it.each<[CertificateRequest['uses'], readonly string[]]>([
    [['server'], ['server']],
    [['client'], ['client']],
    [[], ['server', 'client']],
  ])('have for the extended usage %j the uses %j', (uses, expected) => {
    expect(factsOf({ uses }).uses).toEqual(expected);
  });

  it('show what may sign others', () => {
    expect(factsOf({ isCa: true })).toMatchObject({ isCa: true, signsOthers: true, signsHandshakes: false });
    expect(factsOf({ signsOthers: true })).toMatchObject({ isCa: false, signsOthers: true, signsHandshakes: true });
  });
});

describe('the weakness of a certificate', () => {
  it.each<[CertificateRequest, string | undefined]>([
    [{}, undefined],
    [{ key: 'rsa-2048' }, undefined],
    [{ key: 'ed25519' }, undefined],
    [{ key: 'rsa-1024' }, 'has a key of 1024 bits (rsa), which is less than 2048'],
    [{ key: 'ec-224' }, 'has a key of 224 bits (ec), which is less than 256'],
    [{ hash: 'sha1' }, 'is signed with ecdsa-with-SHA1, which can be forged'],
  ])('of %j is %j', (request, expected) => {
    expect(weaknessOf(factsOf(request))).toBe(expected);
  });

  it.each([
    [{ type: 'dsa', bits: 2048 }, /\(dsa\).*no handshake/],
    [{ type: 'ec', bits: 256, curve: 'secp256k1' }, /\(secp256k1\).*no handshake/],
  ])('of a key %j that TLS 1.3 does not use is named', (key, expected) => {
    expect(weaknessOf({ ...factsOf({}), key })).toMatch(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { type Certificate, createTestCa, selfSigned } from '../../testing/certificates.ts';
import type { CertificateRequest } from '../../testing/x509/issue.ts';
import { checkMaterial } from './check-material.ts';

const ca = await createTestCa();
const other = await createTestCa('other CA');
const hourMs = 3_600_000;
const nowMs = Date.now();
const request = { commonName: 'order', uris: ['spiffe://ordermesh/order'] };
const issue = (changed: CertificateRequest = {}) => ca.issue({ ...request, ...changed });
const order = issue();

interface Texts {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly crl?: string;
}

const textsOf = ({ cert, key }: Certificate): Texts => ({ cert, key });

function check(texts: Texts, isMutual = true, timeMs = nowMs) {
  const file = (name: string, text: string) => ({ variable: `TLS_${name}`, path: `${name}.pem`, text });
  return checkMaterial(
    {
      cert: file('CERT', texts.cert ?? order.cert),
      key: file('KEY', texts.key ?? order.key),
      ca: isMutual ? file('CA', texts.ca ?? ca.cert) : undefined,
      crl: texts.crl === undefined ? undefined : file('CRL', texts.crl),
    },
    timeMs,
  );
}

describe('the files of an identity', () => {
  it('give its certificate, its SPIFFE id and the authorities of peers', () => {
    expect(check({})).toMatchObject({
      material: { key: order.key, cert: order.cert, ca: ca.cert },
      chain: [{ subject: 'CN=order' }],
      authorities: [{ subject: 'CN=test CA' }],
      id: { uri: 'spiffe://ordermesh/order' },
      crlEndMs: undefined,
      crlPeriodMs: undefined,
    });
  });

  it('may have intermediate certificates, several authorities, old ones among them, and lists of revoked ones', async () => {
    const middle = ca.intermediate('middle');
    const texts = { ...textsOf(middle.issue(request)), ca: other.cert + ca.cert, crl: ca.revoke() + other.revoke() };
    expect(check(texts)).toMatchObject({ chain: [{}, { subject: 'CN=middle' }], authorities: [{}, {}] });
    expect(check(texts).crlEndMs).toBeGreaterThan(nowMs);
  });

  it('need no SPIFFE id, no client usage and no known authority if peers have no certificates', () => {
    expect(check(textsOf(selfSigned({ names: ['localhost'], uses: ['server'], isCa: false })), false)).toMatchObject({
      id: undefined,
    });
  });

  it.each<[string, Texts, string]>([
    ['an empty certificate', { cert: '\n' }, 'TLS_CERT names CERT.pem, which is empty'],
    ['an empty key', { key: '' }, 'TLS_KEY names KEY.pem, which is empty'],
    ['empty authorities', { ca: '' }, 'TLS_CA names CA.pem, which is empty'],
    ['a text without PEM', { cert: 'order' }, 'TLS_CERT names CERT.pem, which has no certificate in PEM'],
    ['key and certificate swapped', { cert: order.key, key: order.cert }, 'names a certificate: swap them'],
    ['two keys', { cert: order.key }, 'which has a private key and no certificate'],
    ['two certificates', { key: order.cert }, 'which has a certificate and no private key'],
    ['a key of another certificate', { key: issue().key }, 'TLS_KEY names KEY.pem, which is not the key of'],
    ['a key of another kind', { key: issue({ key: 'ed25519' }).key }, 'which is not the key of the certificate'],
    ['a damaged certificate', { cert: order.cert.replace(/\n.{30}/, '\n') }, 'whose certificate 1 cannot be read'],
    ['a damaged key', { key: order.key.replace(/\n.{30}/, '\n') }, 'whose key cannot be read'],
    ['an encrypted key', { key: order.key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') }, 'which is encrypted'],
    ['an expired certificate', textsOf(issue({ notAfterMs: nowMs - hourMs })), 'CN=order expired at 20'],
    ['one of tomorrow', textsOf(issue({ notBeforeMs: nowMs + hourMs })), 'check the clock, or renew it'],
    ['a small RSA key', textsOf(issue({ key: 'rsa-1024' })), 'CN=order has a key of 1024 bits (rsa)'],
    ['a small elliptic key', textsOf(issue({ key: 'ec-224' })), 'has a key of 224 bits (ec)'],
    ['a SHA-1 signature', textsOf(issue({ hash: 'sha1' })), 'is signed with ecdsa-with-SHA1, which can be forged'],
    ['a certificate of clients only', textsOf(issue({ uses: ['client'] })), 'lacks the usage serverAuth'],
    ['a certificate of servers only', textsOf(issue({ uses: ['server'] })), 'lacks the usage clientAuth'],
    ['a certificate without SPIFFE id', textsOf(issue({ uris: [] })), 'CN=order has no URI among its names'],
    [
      'that of another authority',
      textsOf(other.issue(request)),
      'TLS_CA names CA.pem, which has no authority that signed',
    ],
    ['one signed by itself', textsOf(selfSigned(request)), 'which has no authority that signed'],
    ['a chain in the wrong order', { cert: order.cert + other.cert }, 'certificate 2 (CN=other CA) did not sign'],
    ['an authority that is none', { ca: ca.cert + order.cert }, 'CN=order is not that of an authority'],
    ['no list in TLS_CRL', { crl: ca.cert }, 'TLS_CRL names CRL.pem, which has no list of revoked certificates'],
    ['the list of another authority', { crl: other.revoke() }, 'which has no list of CN=test CA'],
    ['a damaged list', { crl: ca.revoke(order).replace(/\n.{30}/, '\n') }, 'which has a malformed list'],
  ])('cannot be used with %s', (_, texts, problem) => {
    expect(() => check(texts)).toThrow(problem);
  });

  it('cannot be used with a chain that is cut', () => {
    const { cert, key } = ca.intermediate('middle').issue(request);
    const leaf = cert.slice(0, cert.indexOf('-----END CERTIFICATE-----') + 26);
    expect(() => check({ cert: leaf, key })).toThrow('(issuer CN=middle): add it, or append the intermediate');
  });

  it('cannot be used with a list that is out of date', () => {
    const late = nowMs + 25 * hourMs;
    const { cert, key } = issue({ notAfterMs: late + hourMs });
    expect(() => check({ cert, key, crl: ca.revoke() }, true, late)).toThrow(
      /list of CN=test CA is out of date|expired/,
    );
  });
});

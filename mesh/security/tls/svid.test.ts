import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTestCa } from '../../testing/certificates.ts';
import type { CertificateRequest } from '../../testing/x509/issue.ts';
import { svidOfPeer } from './svid.ts';

const order = 'spiffe://ordermesh/order';

describe('the SPIFFE id of a certificate', async () => {
  const ca = await createTestCa();
  const svid = (request: CertificateRequest) => svidOfPeer(new X509Certificate(ca.issue(request).cert));

  it('is its only URI', () => {
    expect(svid({ names: ['localhost'], uris: [order] })).toMatchObject({ uri: order, path: '/order' });
  });

  it.each<[CertificateRequest, string]>([
    [{ names: ['localhost'] }, 'has no URI among its names, so no SPIFFE id'],
    [{ uris: [order, 'spiffe://ordermesh/user'] }, 'has 2 URIs among its names: a SPIFFE id must be the only one'],
    [{ uris: [order, 'https://ordermesh.example'] }, 'has 2 URIs among its names: a SPIFFE id must be the only one'],
    [{ uris: ['https://ordermesh.example/order'] }, 'which is no SPIFFE id'],
    [{ uris: ['spiffe://ordermesh'] }, 'which is no SPIFFE id'],
    [{ uris: [`${order}\0.evil`] }, 'which is no SPIFFE id'],
    [{ uris: [order], isCa: true }, 'is that of a CA, which must not call or serve'],
    [{ uris: [order], signsOthers: true }, 'may sign other certificates, which only those of CAs may'],
  ])('of %j does not count: it %s', (request, fault) => {
    expect(svid(request)).toEqual({ fault: expect.stringContaining(fault) });
  });
});

import type { X509Certificate } from 'node:crypto';
import { parseSpiffeId, type SpiffeId } from '../../identity/spiffe-id.ts';
import { type CertificateFacts, certificateFacts } from './certificate.ts';

/** What is wrong with a certificate, to follow its name: "has no URI among its names". */
export interface SvidFault {
  readonly fault: string;
}

/** Returns the SPIFFE id of a workload's certificate, or why it has none, by the rules of X509-SVID (4 and 5.2). */
export function svidOf(facts: CertificateFacts): SpiffeId | SvidFault {
  const { uris, isCa, signsOthers, signsHandshakes } = facts;
  const [uri] = uris;
  if (uri === undefined) return { fault: 'has no URI among its names, so no SPIFFE id' };
  if (uris.length > 1) return { fault: `has ${uris.length} URIs among its names: a SPIFFE id must be the only one` };
  const id = parseSpiffeId(uri);
  if (id === undefined)
    return { fault: `has the URI ${JSON.stringify(uri)}, which is no SPIFFE id: spiffe://<trust domain>/<service>` };
  if (isCa) return { fault: 'is that of a CA, which must not call or serve' };
  if (signsOthers) return { fault: 'may sign other certificates, which only those of CAs may' };
  return signsHandshakes ? id : { fault: 'may not sign handshakes: its key usage has no digitalSignature' };
}

/** The same, of a peer's certificate, whose extensions may be malformed. */
export function svidOfPeer(certificate: X509Certificate): SpiffeId | SvidFault {
  try {
    return svidOf(certificateFacts(certificate));
  } catch (error) {
    if (error instanceof RangeError) return { fault: `cannot be read: ${error.message}` };
    throw error;
  }
}

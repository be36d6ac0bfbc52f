import type { X509Certificate } from 'node:crypto';
import type { CheckPeer, PeerVerdict } from '../../engines/tls/tls-options.ts';
import type { ServiceIds } from '../../identity/spiffe-id.ts';
import { svidOfPeer } from './svid.ts';
import type { TlsFiles } from './tls-files.ts';

/** Accepts every SPIFFE id of the own trust domain. One with a different form from service ids names none. */
export function checkCaller(ids: () => ServiceIds): CheckPeer {
  return (certificate) => verdictOf(certificate, ids());
}

export interface ServerCheckOptions {
  readonly ids: () => ServiceIds;
  /** The service that may answer for all others. */
  readonly gateway: string;
}

/** Accepts the certificate of a service, and that of a process that answers for it: the gateway. */
export function checkServer(service: string, { ids, gateway }: ServerCheckOptions): CheckPeer {
  return (certificate) => {
    const verdict = verdictOf(certificate, ids());
    if ('refused' in verdict) return verdict;
    if (verdict.service === service || verdict.service === gateway) return { service };
    const named = verdict.service === undefined ? 'no service' : `the service ${verdict.service}`;
    return { refused: `names ${named}, not ${service} (${ids().idOf(service)})` };
  };
}

/** Accepts the certificates that this process itself has had. */
export function checkOwn(files: TlsFiles): { readonly service: string; readonly check: CheckPeer } {
  const service = 'this process';
  const fingerprintOf = () => files.checked.chain[0].x509.fingerprint256;
  const own = new Set([fingerprintOf()]);
  files.onChange(() => own.add(fingerprintOf()));
  const check: CheckPeer = ({ fingerprint256 }) =>
    own.has(fingerprint256) ? { service } : { refused: 'is not that of this process' };
  return { service, check };
}

function verdictOf(certificate: X509Certificate, ids: ServiceIds): PeerVerdict {
  const svid = svidOfPeer(certificate);
  if ('fault' in svid) return { refused: svid.fault };
  if (svid.trustDomain !== ids.trustDomain)
    return { refused: `is of the trust domain ${svid.trustDomain}, not ${ids.trustDomain}` };
  return { service: ids.serviceOf(svid) };
}

import type { TlsAdvice } from '../../../../mesh/engines/connect-fault.ts';

/** What errors advise users of this package about TLS. */
export const tlsAdvice: TlsAdvice = {
  sendCertificate: 'pass a key and certificate that its CA has signed: ChannelCredentials.createSsl(ca, key, cert)',
  trustCa: 'pass the CA that signed its certificate: ChannelCredentials.createSsl(ca)',
  expectName: 'connect to a name that is in its certificate, or set grpc.ssl_target_name_override to one',
  addLists: 'pass a current list of revoked certificates of each CA as crl of a ReplaceableIdentity',
  leaveTls: 'pass ChannelCredentials.createInsecure(), or listen with ServerCredentials.createSsl there',
  useTls: 'pass ChannelCredentials.createSsl(ca)',
};

const untrusted = 'set <ca> to the authority that signed its certificate';
const notTls = 'connect without TLS if it does not use TLS there';

const advices: ReadonlyMap<string, string> = new Map([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', untrusted],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', untrusted],
  ['CERT_SIGNATURE_FAILURE', untrusted],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'connect to a name that is in its certificate'],
  ['CERT_HAS_EXPIRED', 'renew its certificate, or check the clocks'],
  ['CERT_NOT_YET_VALID', 'check the clocks'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', notTls],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', notTls],
  ['EPROTO', notTls],
]);

/**
 * Returns what to do about an error of TLS to a server, by its code or that of its cause; `undefined` for other errors.
 * `caSetting` names the setting of the authorities.
 */
export function tlsAdvice(error: unknown, caSetting: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const advice = 'code' in error ? advices.get(String(error.code)) : undefined;
  return advice?.replace('<ca>', caSetting) ?? tlsAdvice(error.cause, caSetting);
}

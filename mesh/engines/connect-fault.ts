/** A server did not select HTTP/2 over TLS. */
export class NoAlpnError extends Error {
  override readonly name = 'NoAlpnError';

  constructor() {
    super('the server did not select HTTP/2 (ALPN h2)');
  }
}

const untrusted =
  /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|self[- ]signed|unable to (verify|get)/i;
const otherName = /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate/i;
const noTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|wrong version number|packet length too long|EPROTO/i;
const noProtocol = /NoAlpnError|NO_APPLICATION_PROTOCOL|no application protocol|ALPN/i;
const badCertificate =
  /CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|certificate required|bad certificate|unknown ca/i;
const expired = /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|has expired|not yet valid/i;
const hangs = /sent no SETTINGS/;
const cutOff = /closed|ECONNRESET|socket hang up|disconnected|Failed to connect/i;

/** Explains why `address` cannot be reached, and what to do. `fault`: the code and text of the error. */
export function unreachableText(address: string, fault: string, isTls: boolean): string {
  return `${address} cannot be reached: ${readable(fault)}; ${adviceFor(fault, isTls)}`;
}

/** The code and text of an error, for `unreachableText`. */
export function faultOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  // Those of HTTP/2 are numbers, and their texts say more.
  return typeof code !== 'string' || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** The text of an error without the numbers, files and lines of OpenSSL and the time of grpc-js. */
function readable(fault: string): string {
  const reason = /\berror:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(fault)?.[1];
  return reason === undefined ? fault.replace(/ \([-\d]+T[:.\d]+Z\)$/, '') : `TLS failed with "${reason}"`;
}

function adviceFor(fault: string, isTls: boolean): string {
  if (badCertificate.test(fault)) return 'set tls.key and tls.cert to ones that its CA has signed';
  if (untrusted.test(fault)) return 'set tls.ca to the CA that signed its certificate';
  if (otherName.test(fault)) return 'connect to a name that is in its certificate, or set tls.serverName to one';
  if (expired.test(fault)) return 'renew its certificate, or check the clocks';
  if (noProtocol.test(fault)) return 'check that a gRPC server listens there';
  if (noTls.test(fault)) return 'connect without tls, or enable TLS on the server';
  if (hangs.test(fault)) return 'check that it is a gRPC server, and does not hang';
  if (!cutOff.test(fault)) return 'check that it runs at this address';
  return isTls
    ? 'if it requires client certificates, set tls.key and tls.cert to ones that its CA has signed'
    : 'if it accepts only TLS, connect with tls';
}

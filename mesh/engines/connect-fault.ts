/** That a server speaks no HTTP/2 over TLS: it agreed to no protocol. */
export class NoAlpnError extends Error {
  override readonly name = 'NoAlpnError';

  constructor() {
    super('it did not agree to speak HTTP/2 (ALPN h2)');
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
const cutOff = /closed|ECONNRESET|socket hang up|disconnected|Failed to connect/i;

/** Says why `address` cannot be reached, and what to do. `fault`: the code and text of what went wrong. */
export function unreachableText(address: string, fault: string, isTls: boolean): string {
  return `${address} cannot be reached: ${readable(fault)}; ${adviceFor(fault, isTls)}`;
}

/** An error as `unreachableText` takes it. */
export function faultOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** What OpenSSL says between numbers, files and lines, and grpc-js in front of the time. */
function readable(fault: string): string {
  const reason = /\berror:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(fault)?.[1];
  return reason === undefined ? fault.replace(/ \([-\d]+T[:.\d]+Z\)$/, '') : `TLS failed with "${reason}"`;
}

function adviceFor(fault: string, isTls: boolean): string {
  if (badCertificate.test(fault)) return 'give tls.key and tls.cert that its CA has signed';
  if (untrusted.test(fault)) return 'give tls.ca the CA that signed its certificate';
  if (otherName.test(fault)) return 'connect to a name that is in its certificate, or set tls.serverName to one';
  if (expired.test(fault)) return 'have its certificate renewed, and look at the clocks';
  if (noProtocol.test(fault)) return 'see that a gRPC server listens there';
  if (noTls.test(fault)) return 'connect without tls, or see that its server has it';
  if (!cutOff.test(fault)) return 'see that it runs, and check the address';
  return isTls
    ? 'if it asks for certificates of clients, give tls.key and tls.cert that its CA has signed'
    : 'if it takes only TLS, connect with tls';
}

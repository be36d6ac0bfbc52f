/** A server did not select HTTP/2 over TLS. */
export class NoAlpnError extends Error {
  override readonly name = 'NoAlpnError';

  constructor() {
    super('the server did not select HTTP/2 (ALPN h2)');
  }
}

/** The certificate of a server does not name the service that is called. */
export class NoServiceError extends Error {
  override readonly name = 'NoServiceError';
}

const otherService = /^its certificate of /;
const revoked = /CERT_REVOKED|certificate revoked/i;
const noList = /UNABLE_TO_GET_CRL|CRL_HAS_EXPIRED|CRL_NOT_YET_VALID|CRL_SIGNATURE|\bCRL\b/i;
const otherUse = /INVALID_PURPOSE|certificate purpose/i;
const weak = /too weak|too small|EE_KEY_TOO_SMALL|MD_TOO_WEAK/i;
const untrusted =
  /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|self[- ]signed|unable to (verify|get)/i;
const otherName = /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate/i;
const noTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|wrong version number|packet length too long|EPROTO/i;
const noProtocol = /NoAlpnError|NO_APPLICATION_PROTOCOL|no application protocol|ALPN/i;
const badCertificate =
  /CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|ALERT_CERTIFICATE|certificate required|bad certificate|unknown ca|alert certificate/i;
const expired = /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|has expired|not yet valid/i;
const hangs = /sent no SETTINGS/;
const cutOff = /closed|ECONNRESET|socket hang up|disconnected|Failed to connect/i;

/** What a user does about TLS of a client, in the settings of the product that connects. */
export interface TlsAdvice {
  /** Sends a certificate that the server accepts. */
  readonly sendCertificate: string;
  /** Trusts the CA of the server. */
  readonly trustCa: string;
  /** Expects another name in the certificate of the server. */
  readonly expectName: string;
  /** Adds lists of revoked certificates. */
  readonly addLists: string;
  /** Connects to a server without TLS. */
  readonly leaveTls: string;
  /** Connects to a server with TLS. */
  readonly useTls: string;
}

/** Advice for services and programs of the mesh. */
export const meshTlsAdvice: TlsAdvice = {
  sendCertificate: 'set tls.key and tls.cert (TLS_KEY, TLS_CERT) to ones that its CA has signed',
  trustCa: 'set tls.ca (TLS_CA) to the CA that signed its certificate',
  expectName: 'connect to a name that is in its certificate, or set tls.serverName to one',
  addLists: 'add a current list of revoked certificates of each CA to TLS_CRL',
  leaveTls: 'connect without tls, or enable TLS on the server',
  useTls: 'connect with tls',
};

/** A connection that failed. */
export interface FailedConnection {
  readonly address: string;
  /** The code and text of the error. */
  readonly fault: string;
  readonly isTls: boolean;
  /** Default: that of the mesh. */
  readonly advice?: TlsAdvice | undefined;
}

/** Explains why an address cannot be reached, and what to do. */
export function unreachableText({ address, fault, isTls, advice = meshTlsAdvice }: FailedConnection): string {
  return `${address} cannot be reached: ${readable(fault)}; ${adviceFor(fault, isTls, advice)}`;
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

function adviceFor(fault: string, isTls: boolean, advice: TlsAdvice): string {
  if (otherService.test(fault)) return 'check that this address is of the service, and its certificate';
  if (badCertificate.test(fault)) return advice.sendCertificate;
  if (untrusted.test(fault)) return advice.trustCa;
  if (otherName.test(fault)) return advice.expectName;
  if (revoked.test(fault)) return 'give the server a new certificate';
  if (noList.test(fault)) return advice.addLists;
  if (otherUse.test(fault)) return 'give the server a certificate whose extended key usage has serverAuth';
  if (weak.test(fault)) return 'give the server a certificate with a key from 2048 bits, signed with SHA-256';
  if (expired.test(fault)) return 'renew its certificate, or check the clocks';
  if (noProtocol.test(fault)) return 'check that a gRPC server listens there';
  if (noTls.test(fault)) return advice.leaveTls;
  if (hangs.test(fault)) return 'check that it is a gRPC server, and does not hang';
  if (!cutOff.test(fault)) return 'check that it runs at this address';
  return isTls
    ? `if it requires client certificates, ${advice.sendCertificate}`
    : `if it accepts only TLS, ${advice.useTls}`;
}

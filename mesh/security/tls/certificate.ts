import type { X509Certificate } from 'node:crypto';
import { certificateExtensions, derElements, derSequence } from '../../engines/tls/der.ts';

/** What a certificate may be used for at a TLS handshake. */
export type TlsUse = 'server' | 'client';

/** What is read from a certificate. */
export interface CertificateFacts {
  /** `CN=order`, on one line. */
  readonly subject: string;
  /** Hexadecimal, in upper case. */
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The URIs among its alternative names. */
  readonly uris: readonly string[];
  readonly isCa: boolean;
  /** Its key may sign certificates or lists of revoked ones. */
  readonly signsOthers: boolean;
  /** Its key may sign a handshake. */
  readonly signsHandshakes: boolean;
  /** An extended key usage that does not exist permits both. */
  readonly uses: readonly TlsUse[];
  /** `curve`: of an elliptic one. */
  readonly key: { readonly type: string; readonly bits: number; readonly curve?: string };
  /** `ecdsa-with-SHA256`. */
  readonly signature: string;
}

const keyUsageId = '551d0f';
const alternativeNamesId = '551d11';
/** The tag of a URI among alternative names (RFC 5280, 4.2.1.6). */
const uriTag = 0x86;
const bitString = 0x03;

const usageIds: Readonly<Record<TlsUse, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
const anyUsage = '2.5.29.37.0';

/** Reads a certificate. Throws a RangeError if an extension is malformed. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const extensions = certificateExtensions(certificate.raw);
  const usages: readonly string[] | undefined = certificate.keyUsage;
  const keyUsage = keyUsageOf(extensions.get(keyUsageId));
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    serialNumber: certificate.serialNumber,
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    uris: urisOf(extensions.get(alternativeNamesId)),
    isCa: certificate.ca,
    signsOthers: keyUsage !== undefined && (keyUsage & 0b0000_0110) !== 0,
    signsHandshakes: keyUsage === undefined || (keyUsage & 0b1000_0000) !== 0,
    uses: (['server', 'client'] as const).filter(
      (use) => usages === undefined || usages.includes(usageIds[use]) || usages.includes(anyUsage),
    ),
    key: keyOf(certificate),
    signature: certificate.signatureAlgorithm ?? 'unknown',
  };
}

/**
 * The first eight bits of the key usage, from `digitalSignature` to `encipherOnly`; `undefined` without the extension.
 */
function keyUsageOf(extension: Buffer | undefined): number | undefined {
  if (extension === undefined) return undefined;
  const [bits] = derElements(extension);
  // The first byte counts the unused bits of the last.
  if (bits?.tag !== bitString) throw new RangeError('the key usage is malformed');
  return bits.value[1] ?? 0;
}

function urisOf(extension: Buffer | undefined): readonly string[] {
  if (extension === undefined) return [];
  return derSequence(extension).flatMap(({ tag, value }) => (tag === uriTag ? [value.toString('latin1')] : []));
}

const curveBits: Readonly<Record<string, number>> = {
  prime256v1: 256,
  secp256k1: 256,
  secp384r1: 384,
  secp521r1: 521,
};

function keyOf({ publicKey }: X509Certificate): CertificateFacts['key'] {
  const type = publicKey.asymmetricKeyType ?? 'unknown';
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return { type, bits: modulusLength };
  // Ed25519 and Ed448 have one size each. Other curves have it in their names.
  if (namedCurve === undefined) return { type, bits: type === 'ed448' ? 448 : type === 'ed25519' ? 256 : 0 };
  const bits = curveBits[namedCurve] ?? Number(/\d{3}/.exec(namedCurve)?.[0] ?? 0);
  return { type, bits, curve: namedCurve };
}

/** The types of keys and the curves that TLS 1.3 has signatures for. */
const usableKeys: ReadonlySet<string> = new Set([
  'rsa',
  'rsa-pss',
  'prime256v1',
  'secp384r1',
  'secp521r1',
  'ed25519',
  'ed448',
]);

/** Returns what is weak in the cryptography of a certificate, to follow its name; `undefined` if nothing is. */
export function weaknessOf({ key, signature }: CertificateFacts): string | undefined {
  if (/sha-?1\b|sha1with|md[245]/i.test(signature)) return `is signed with ${signature}, which can be forged`;
  const minBits = key.type.startsWith('rsa') ? 2048 : 256;
  if (key.bits < minBits) return `has a key of ${key.bits} bits (${key.type}), which is less than ${minBits}`;
  if (usableKeys.has(key.curve ?? key.type)) return undefined;
  return (
    `has a key (${key.curve ?? key.type}) with which no handshake can be signed; RSA, P-256, P-384, P-521 and ` +
    'Ed25519 can'
  );
}

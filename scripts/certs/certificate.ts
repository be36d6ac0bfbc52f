import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { bits, boolean, integer, objectId, octets, sequence, set, tagged, time, utf8 } from './der.ts';

/** A key, and the certificate that says whose it is. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

export interface CertificateRequest {
  /** The common name, for people. */
  readonly name: string;
  /** The only URI among its names. Default: none. */
  readonly spiffeId?: string;
  /** Host names and IP addresses. Default: none. */
  readonly hosts?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Who signs certificates. */
export type Authority = Pick<KeyPair, 'privateKey' | 'publicKey'> & { readonly name: string };

const oid = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const algorithm = sequence(objectId(oid.ecdsaWithSha256));

/** Creates an authority with a new key. */
export function createAuthority({ name, notBefore, notAfter }: CertificateRequest): KeyPair {
  const own = newKey();
  // keyCertSign and cRLSign; it signs no other authority.
  const usage = [
    extension(oid.basicConstraints, true, sequence(boolean(true), integer(Buffer.from([0])))),
    extension(oid.keyUsage, true, bits(Buffer.from([0b0000_0110]), 1)),
  ];
  return { ...own, cert: certificate({ name, notBefore, notAfter }, own.publicKey, { ...own, name }, usage) };
}

/** Creates a key and a certificate for a server that is a client as well. */
export function createCertificate(request: CertificateRequest, issuer: Authority): KeyPair {
  const own = newKey();
  const names = [
    ...(request.spiffeId === undefined ? [] : [tagged(0x86, Buffer.from(request.spiffeId))]),
    ...(request.hosts ?? []).map(hostName),
  ];
  const usage = [
    extension(oid.basicConstraints, true, sequence()),
    // digitalSignature.
    extension(oid.keyUsage, true, bits(Buffer.from([0b1000_0000]), 7)),
    extension(oid.extendedKeyUsage, false, sequence(objectId(oid.serverAuth), objectId(oid.clientAuth))),
    ...(names.length > 0 ? [extension(oid.subjectAltName, false, sequence(...names))] : []),
  ];
  return { ...own, cert: certificate(request, own.publicKey, issuer, usage) };
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { privateKey, publicKey, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

/** The certificate of a public key, as RFC 5280 says. */
function certificate(
  { name, notBefore, notAfter }: CertificateRequest,
  publicKey: KeyObject,
  issuer: Authority,
  usage: readonly Buffer[],
): string {
  const serial = randomBytes(16);
  // Neither zero nor negative.
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  const signed = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(
      0xa3,
      sequence(
        ...usage,
        extension(oid.subjectKeyId, false, octets(keyId(publicKey))),
        extension(oid.authorityKeyId, false, sequence(tagged(0x80, keyId(issuer.publicKey)))),
      ),
    ),
  );
  const whole = sequence(signed, algorithm, bits(sign('sha256', signed, issuer.privateKey)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octets(value));
}

function distinguishedName(name: string): Buffer {
  return sequence(set(sequence(objectId(oid.commonName), utf8(name))));
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

/** A host name, or an IP address. */
function hostName(host: string): Buffer {
  if (isIPv4(host)) return tagged(0x87, Buffer.from(host.split('.').map(Number)));
  return isIPv6(host) ? tagged(0x87, ipv6Bytes(host)) : tagged(0x82, Buffer.from(host));
}

function ipv6Bytes(host: string): Buffer {
  const [left = '', right = ''] = host.split('::').map((half) => half);
  const words = (half: string) => (half === '' ? [] : half.split(':').map((word) => Number.parseInt(word, 16)));
  const [first, last] = [words(left), words(right)];
  const filled = [...first, ...Array(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(filled.flatMap((word) => [word >> 8, word & 0xff]));
}

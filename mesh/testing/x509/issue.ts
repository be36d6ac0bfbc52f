import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bigInteger, bits, boolean, commonName, der, integer, objectId, octets, sequence, time } from './der-writer.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What a certificate says. */
export interface CertificateRequest {
  /** Default: the first of `names`, or `test`. */
  readonly commonName?: string | undefined;
  /** `localhost`, `127.0.0.1`. */
  readonly names?: readonly string[] | undefined;
  /** `spiffe://ordermesh/order`. */
  readonly uris?: readonly string[] | undefined;
  /** Default: an hour ago. */
  readonly notBeforeMs?: number | undefined;
  /** Default: in a day. */
  readonly notAfterMs?: number | undefined;
  /** Default: both. Empty: the certificate does not say. */
  readonly uses?: readonly ('server' | 'client')[] | undefined;
  /** Default: no. */
  readonly isCa?: boolean | undefined;
  /** How many authorities may follow below a CA. Default: any number. */
  readonly pathLength?: number | undefined;
  /** Whether it may sign others. Default: as `isCa`. */
  readonly signsOthers?: boolean | undefined;
  /** Default: `ec-256`. */
  readonly key?: KeyKind | undefined;
  /** The hash of its signature. Default: `sha256`. */
  readonly hash?: 'sha256' | 'sha1' | undefined;
}

export type KeyKind = 'ec-256' | 'ec-224' | 'rsa-2048' | 'rsa-1024' | 'ed25519';

/** Who signs: its name and its key, which is one of an elliptic curve. */
export interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

/** Creates a key. */
export function createKey(kind: KeyKind = 'ec-256'): KeyObject {
  const [type, size] = kind.split('-');
  if (type === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: Number(size) }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: kind === 'ec-224' ? 'secp224r1' : 'prime256v1' }).privateKey;
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const signatures = { sha256: '1.2.840.10045.4.3.2', sha1: '1.2.840.10045.4.1' } as const;
const usages = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** Returns a certificate of a key as PEM (RFC 5280). `key` may be that of another issuer than its name says. */
export function issueCertificate(key: KeyObject, request: CertificateRequest, issuer: Issuer): string {
  const { names = [], notBeforeMs = Date.now() - hourMs, notAfterMs = Date.now() + dayMs, hash = 'sha256' } = request;
  const body = sequence(
    der(0xa0, integer(2)),
    bigInteger(randomBytes(8)),
    sequence(objectId(signatures[hash])),
    commonName(issuer.name),
    sequence(time(notBeforeMs), time(notAfterMs)),
    commonName(request.commonName ?? names[0] ?? 'test'),
    publicKeyOf(key),
    der(0xa3, sequence(...extensionsOf(request), ...keyIdsOf(key, issuer.key))),
  );
  return signedPem('CERTIFICATE', body, issuer, hash);
}

/** Returns a list of revoked certificates as PEM. `serialNumbers` are hexadecimal. */
export function issueRevocations(serialNumbers: readonly string[], issuer: Issuer): string {
  const entries = serialNumbers.map((number) =>
    sequence(der(0x02, Buffer.from(number, 'hex')), time(Date.now() - hourMs)),
  );
  const parts = [integer(1), sequence(objectId(signatures.sha256)), commonName(issuer.name)];
  const body = sequence(...parts, time(Date.now() - hourMs), time(Date.now() + dayMs), ...listOf(entries));
  return signedPem('X509 CRL', body, issuer, 'sha256');
}

/** A list of revoked certificates must not be empty: then it is left out. */
function listOf(entries: readonly Buffer[]): readonly Buffer[] {
  return entries.length === 0 ? [] : [sequence(...entries)];
}

function signedPem(label: string, body: Buffer, { key }: Issuer, hash: 'sha256' | 'sha1'): string {
  const bytes = sequence(body, sequence(objectId(signatures[hash])), bits(sign(hash, body, key)));
  const lines = bytes.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function extensionsOf(request: CertificateRequest): readonly Buffer[] {
  const { names = [], uris = [], uses = ['server', 'client'], isCa = false, signsOthers = isCa, pathLength } = request;
  const alternatives = [
    ...uris.map((uri) => der(0x86, Buffer.from(uri))),
    ...names.map((name) => (isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name)))),
  ];
  // From digitalSignature, the highest bit, to cRLSign; the bits after the last that is set are left out.
  const keyUsage = Buffer.of(signsOthers ? 1 : 7, (isCa ? 0 : 0b1000_0000) | (signsOthers ? 0b0000_0110 : 0));
  const limit = pathLength === undefined ? [] : [integer(pathLength)];
  return [
    extension('2.5.29.19', true, sequence(...(isCa ? [boolean(true), ...limit] : []))),
    extension('2.5.29.15', true, der(0x03, keyUsage)),
    ...(alternatives.length > 0 ? [extension('2.5.29.17', false, sequence(...alternatives))] : []),
    ...(uses.length > 0 && !isCa
      ? [extension('2.5.29.37', false, sequence(...uses.map((use) => objectId(usages[use]))))]
      : []),
  ];
}

/** They say which certificate of an issuer signed one. */
function keyIdsOf(key: KeyObject, issuer: KeyObject): readonly Buffer[] {
  const idOf = (of: KeyObject) => createHash('sha1').update(publicKeyOf(of)).digest();
  return [
    extension('2.5.29.14', false, octets(idOf(key))),
    extension('2.5.29.35', false, sequence(der(0x80, idOf(issuer)))),
  ];
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octets(value));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...before, ...Array(8 - before.length - after.length).fill('0'), ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

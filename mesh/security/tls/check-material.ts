import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { encodedSubject, readRevocationLists } from '../../engines/tls/revocation-lists.ts';
import { contextOptions } from '../../engines/tls/secure-context.ts';
import type { TlsMaterial } from '../../engines/tls/tls-options.ts';
import { messageOf } from '../../errors/error-text.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import { weaknessOf } from './certificate.ts';
import { hasKey, PemFault, type PemFile, type ReadCertificate, readCertificates } from './pem-file.ts';
import { svidOf } from './svid.ts';

/** The files of an identity. */
export interface IdentityFiles {
  readonly cert: PemFile;
  readonly key: PemFile;
  /** `undefined`: peers are not known by certificates. */
  readonly ca: PemFile | undefined;
  readonly crl: PemFile | undefined;
}

/** What the files have, all of which can be used. */
export interface CheckedMaterial {
  readonly material: Pick<TlsMaterial, 'key' | 'cert' | 'crl'> & { readonly ca: string | undefined };
  /** The certificate, then the intermediate ones. */
  readonly chain: readonly [ReadCertificate, ...ReadCertificate[]];
  readonly authorities: readonly ReadCertificate[];
  /** Of the certificate; `undefined` without authorities. */
  readonly id: SpiffeId | undefined;
  /** When the first list of revoked certificates is out of date. `undefined`: there is none. */
  readonly crlEndMs: number | undefined;
  /** For how long that list is valid in all. */
  readonly crlPeriodMs: number | undefined;
}

/**
 * Checks the files of an identity. Throws a PemFault that says what is wrong with the first that cannot be used. What
 * is `used` already may have expired meanwhile.
 */
export function checkMaterial(
  files: IdentityFiles,
  nowMs: number,
  used: Partial<CheckedMaterial['material']> = {},
): CheckedMaterial {
  try {
    return check(files, nowMs, used);
  } catch (error) {
    if (error instanceof PemFault) throw error;
    // OpenSSL has many faults of which only it knows the names.
    throw new PemFault(files.cert, `which cannot be used: ${messageOf(error)}`);
  }
}

function check(
  { cert, key, ca, crl }: IdentityFiles,
  nowMs: number,
  used: Partial<CheckedMaterial['material']>,
): CheckedMaterial {
  const dateOf = ({ text }: PemFile, inUse: CheckedMaterial['material']['crl']) =>
    text === inUse ? Number.NaN : nowMs;
  if (hasKey(cert) && !hasKey(key) && key.text.includes('BEGIN CERTIFICATE'))
    throw new PemFault(cert, `which has a private key, and ${key.variable} names a certificate: swap them`);
  const chain = readCertificates(cert, 'the certificate of this process');
  const [leaf] = chain;
  if (!leaf.x509.checkPrivateKey(readKey(key)))
    throw new PemFault(key, `which is not the key of the certificate in ${cert.path}: use the key it was made with`);
  checkOrder(cert, chain);
  for (const certificate of chain) checkStrength(cert, certificate);
  for (const certificate of chain) checkDates(cert, certificate, dateOf(cert, used.cert));
  checkUses(cert, leaf, ca);
  const authorities = ca === undefined ? [] : readAuthorities(ca, dateOf(ca, used.ca));
  const id = ca === undefined ? undefined : idOf(cert, leaf);
  if (ca !== undefined) checkIssuer(ca, cert, chain, authorities);
  const firstList = crl && checkLists(crl, authorities, dateOf(crl, used.crl));
  const material = { key: key.text, cert: cert.text, ca: ca?.text, crl: crl?.text };
  // Called for its error.
  createSecureContext(contextOptions({ ...material, ca: material.ca ?? material.cert }));
  return { material, chain, authorities, id, crlEndMs: firstList?.endMs, crlPeriodMs: firstList?.periodMs };
}

function readKey(file: PemFile): KeyObject {
  const { text } = file;
  if (text.trim() === '') throw new PemFault(file, 'which is empty: it must have a private key, as PEM');
  if (/ENCRYPTED/.test(text))
    throw new PemFault(file, 'which is encrypted: decrypt it with "openssl pkey", and let only this user read it');
  if (!hasKey(file)) {
    const found = text.includes('BEGIN CERTIFICATE') ? 'has a certificate and no private key' : 'has no key in PEM';
    throw new PemFault(file, `which ${found}: it must have the private key`);
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new PemFault(file, `whose key cannot be read: ${messageOf(error)}; write it again`);
  }
}

function checkOrder(file: PemFile, chain: readonly ReadCertificate[]): void {
  for (const [index, issuer] of chain.entries()) {
    const signed = chain[index - 1];
    if (signed === undefined || isSignedBy(signed, issuer)) continue;
    const names = `certificate ${index + 1} (${issuer.subject}) did not sign the one before it (${signed.subject})`;
    throw new PemFault(file, `whose ${names}: put the certificate first, then the one that signed it, and so on`);
  }
}

function isSignedBy({ x509 }: ReadCertificate, { x509: issuer }: ReadCertificate): boolean {
  return x509.checkIssued(issuer) && x509.verify(issuer.publicKey);
}

function checkStrength(file: PemFile, certificate: ReadCertificate): void {
  const weakness = weaknessOf(certificate);
  if (weakness) throw new PemFault(file, `whose certificate ${certificate.subject} ${weakness}: make a new one`);
}

function checkDates(file: PemFile, { subject, notBeforeMs, notAfterMs }: ReadCertificate, nowMs: number): void {
  if (notAfterMs <= nowMs)
    throw new PemFault(file, `whose certificate ${subject} expired at ${textOf(notAfterMs)}: renew it`);
  if (notBeforeMs > nowMs) {
    const dates = `is not valid before ${textOf(notBeforeMs)}, and it is ${textOf(nowMs)} here`;
    throw new PemFault(file, `whose certificate ${subject} ${dates}: check the clock, or renew it`);
  }
}

function textOf(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

function checkUses(file: PemFile, { subject, uses, signsHandshakes }: ReadCertificate, ca: PemFile | undefined): void {
  const missing = uses.includes('server') ? ca && !uses.includes('client') && 'clientAuth' : 'serverAuth';
  const fix = ca === undefined ? 'serverAuth' : 'serverAuth and clientAuth, since services call each other with it';
  if (missing)
    throw new PemFault(file, `whose certificate ${subject} lacks the usage ${missing}: make one with ${fix}`);
  if (!signsHandshakes)
    throw new PemFault(file, `whose certificate ${subject} lacks the key usage digitalSignature: make one that has it`);
}

function readAuthorities(file: PemFile, nowMs: number): readonly ReadCertificate[] {
  const authorities = readCertificates(file, 'the certificates of authorities');
  for (const authority of authorities) {
    if (!authority.isCa)
      throw new PemFault(file, `whose certificate ${authority.subject} is not that of an authority (CA): remove it`);
    // Nobody verifies the signature of an authority.
    const weakness = weaknessOf({ ...authority, signature: '' });
    if (weakness) throw new PemFault(file, `whose authority ${authority.subject} ${weakness}: use another one`);
  }
  // Old ones may stay beside new ones.
  if (authorities.every(({ notAfterMs }) => notAfterMs <= nowMs))
    for (const authority of authorities) checkDates(file, authority, nowMs);
  return authorities;
}

function idOf(file: PemFile, leaf: ReadCertificate): SpiffeId {
  const svid = svidOf(leaf);
  if ('fault' in svid)
    throw new PemFault(file, `whose certificate ${leaf.subject} ${svid.fault}; services know each other by it`);
  return svid;
}

function checkIssuer(
  ca: PemFile,
  cert: PemFile,
  chain: readonly ReadCertificate[],
  authorities: readonly ReadCertificate[],
): void {
  const isTrusted = (certificate: ReadCertificate) =>
    authorities.some((ca) => ca.x509.raw.equals(certificate.x509.raw) || isSignedBy(certificate, ca));
  if (chain.some(isTrusted)) return;
  const problem = `which has no authority that signed the certificate in ${cert.path} (issuer ${issuerOf(chain)})`;
  throw new PemFault(ca, `${problem}: add it, or append the intermediate certificates to that file`);
}

function issuerOf(chain: readonly ReadCertificate[]): string {
  return chain.at(-1)?.x509.issuer.replaceAll('\n', ', ') ?? '';
}

/**
 * The list that is out of date first. OpenSSL then refuses all peers, as it does those of an authority without list.
 */
interface FirstList {
  readonly endMs: number;
  readonly periodMs: number | undefined;
}

function checkLists(file: PemFile, authorities: readonly ReadCertificate[], nowMs: number): FirstList {
  const lists = listsOf(file);
  if (lists.length === 0) throw new PemFault(file, 'which has no list of revoked certificates (X509 CRL) in PEM');
  for (const { subject, x509 } of authorities) {
    const name = encodedSubject(x509);
    const own = lists.filter(({ issuer }) => issuer.equals(name));
    if (own.length === 0)
      throw new PemFault(file, `which has no list of ${subject}: add one, or all its certificates are refused`);
    const endMs = Math.max(...own.map(({ nextUpdateMs = Number.POSITIVE_INFINITY }) => nextUpdateMs));
    if (endMs <= nowMs) {
      const problem = `whose list of ${subject} is out of date since ${textOf(endMs)}`;
      throw new PemFault(file, `${problem}: get the new one, or all certificates of that authority are refused`);
    }
  }
  const ends = lists.map(({ thisUpdateMs, nextUpdateMs: endMs = Number.POSITIVE_INFINITY }) => {
    return { endMs, periodMs: thisUpdateMs === undefined ? undefined : endMs - thisUpdateMs };
  });
  return ends.reduce((first, other) => (other.endMs < first.endMs ? other : first));
}

function listsOf(file: PemFile): ReturnType<typeof readRevocationLists> {
  try {
    return readRevocationLists(file.text);
  } catch (error) {
    throw new PemFault(file, `which has a malformed list: ${messageOf(error)}; get it again`);
  }
}

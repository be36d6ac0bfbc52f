import type { X509Certificate } from 'node:crypto';
import { type DerElement, derElements, derSequence } from './der.ts';

const integer = 0x02;
const utcTime = 0x17;
const generalizedTime = 0x18;
const sequence = 0x30;
const pemList = /-----BEGIN X509 CRL-----(.*?)-----END X509 CRL-----/gs;

/** A list of revoked certificates (RFC 5280, 5.1). */
export interface RevocationList {
  /** The encoded name of the authority that made it. */
  readonly issuer: Buffer;
  /** When it was made. */
  readonly thisUpdateMs: number | undefined;
  /** When it expires, so the next list must be there by then. `undefined`: never. */
  readonly nextUpdateMs: number | undefined;
  /** The serial numbers of those that are revoked. */
  readonly serials: readonly Buffer[];
}

/**
 * Reads the lists in a PEM text. Their signatures are not checked: OpenSSL does that at each handshake. Throws a
 * RangeError if one is malformed.
 */
export function readRevocationLists(pem: string): readonly RevocationList[] {
  return [...pem.matchAll(pemList)].map(([, base64 = '']) => {
    // Version, signature algorithm, issuer, this update, next update, entries. The version and the last two are optional.
    const [, issuer, made, ...rest] = partsOf(Buffer.from(base64, 'base64'), ({ tag }) => tag !== integer);
    if (issuer === undefined) throw new RangeError('a list of revoked certificates is malformed');
    const entries = rest.find(({ tag }) => tag === sequence);
    return {
      issuer: issuer.value,
      thisUpdateMs: made && timeOf(made),
      nextUpdateMs: rest[0] && timeOf(rest[0]),
      serials: (entries === undefined ? [] : derElements(entries.value)).flatMap((entry) => {
        const [serial] = derElements(entry.value);
        return serial ? [serial.value] : [];
      }),
    };
  });
}

/** The revoked certificates of some lists, as `identityOf` names them. */
export type Revoked = ReadonlySet<string>;

/** Returns the revoked certificates of the lists in a PEM text. Throws a RangeError if one is malformed. */
export function revokedIn(crl: string | Buffer): Revoked {
  const lists = readRevocationLists(String(crl));
  return new Set(lists.flatMap(({ issuer, serials }) => serials.map((serial) => identityFrom(issuer, serial))));
}

/** What identifies a certificate: its issuer and serial number. Throws a RangeError if it is malformed. */
export function identityOf({ raw }: X509Certificate): string {
  const [serial, , issuer] = certificateParts(raw);
  if (serial === undefined || issuer === undefined) throw malformedCertificate();
  return identityFrom(issuer.value, serial.value);
}

/** Returns the encoded name of a certificate's owner. Throws a RangeError if it is malformed. */
export function encodedSubject({ raw }: X509Certificate): Buffer {
  const [, , , , subject] = certificateParts(raw);
  if (subject === undefined) throw malformedCertificate();
  return subject.value;
}

/** Serial number, signature algorithm, issuer, validity, subject, … The version before them is optional, and no integer. */
function certificateParts(certificate: Buffer): readonly DerElement[] {
  return partsOf(certificate, ({ tag }) => tag === integer);
}

/** Returns the parts of what is signed, without the version: `startsAt` tells the part after it. */
function partsOf(signedDer: Buffer, startsAt: (element: DerElement) => boolean): readonly DerElement[] {
  const [signed] = derSequence(signedDer);
  const [first, ...rest] = derElements(signed?.value ?? Buffer.alloc(0));
  return first && startsAt(first) ? [first, ...rest] : rest;
}

function identityFrom(issuer: Buffer, serial: Buffer): string {
  return `${issuer.toString('hex')} ${serial.toString('hex')}`;
}

function malformedCertificate(): RangeError {
  return new RangeError('a certificate is malformed');
}

function timeOf({ tag, value }: DerElement): number | undefined {
  if (tag !== utcTime && tag !== generalizedTime) return undefined;
  const text = value.toString('latin1');
  // Two digits of a year are one from 1950 to 2049.
  const full = tag === generalizedTime ? text : `${text < '50' ? 20 : 19}${text}`;
  const [, date, time] = /^(\d{8})(\d{6})Z$/.exec(full) ?? [];
  if (date === undefined || time === undefined) throw new RangeError(`${JSON.stringify(text)} is not a time`);
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  return Date.parse(iso);
}

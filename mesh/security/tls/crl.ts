import { derElements, derSequence } from '../../engines/tls/der.ts';

/** A list of revoked certificates. */
export interface RevocationList {
  /** The encoded name of the authority that made it. */
  readonly issuer: Buffer;
  /** When it was made. */
  readonly thisUpdateMs: number | undefined;
  /** When it expires, so the next list must be there by then. `undefined`: never. */
  readonly nextUpdateMs: number | undefined;
}

const integer = 0x02;
const utcTime = 0x17;
const generalizedTime = 0x18;
const pemList = /-----BEGIN X509 CRL-----(.*?)-----END X509 CRL-----/gs;

/** Reads the lists in a PEM text (RFC 5280, 5.1). Throws a RangeError if one is malformed. */
export function readRevocationLists(pem: string): readonly RevocationList[] {
  return [...pem.matchAll(pemList)].map(([, base64 = '']) => {
    const [signed] = derSequence(Buffer.from(base64, 'base64'));
    const parts = derElements(signed?.value ?? Buffer.alloc(0));
    // Version, signature algorithm, issuer, this update, next update. The version and the last are optional.
    const [, issuer, made, next] = parts[0]?.tag === integer ? parts.slice(1) : parts;
    if (issuer === undefined) throw new RangeError('a list of revoked certificates is malformed');
    return { issuer: issuer.value, thisUpdateMs: made && timeOf(made), nextUpdateMs: next && timeOf(next) };
  });
}

function timeOf({ tag, value }: { readonly tag: number; readonly value: Buffer }): number | undefined {
  if (tag !== utcTime && tag !== generalizedTime) return undefined;
  const text = value.toString('latin1');
  // Two digits of a year are one from 1950 to 2049.
  const full = tag === generalizedTime ? text : `${text < '50' ? 20 : 19}${text}`;
  const [, date, time] = /^(\d{8})(\d{6})Z$/.exec(full) ?? [];
  if (date === undefined || time === undefined) throw new RangeError(`${JSON.stringify(text)} is not a time`);
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  return Date.parse(iso);
}

/** Returns the encoded name of a certificate's owner. Throws a RangeError if it is malformed. */
export function encodedSubject(certificate: Buffer): Buffer {
  const [signed] = derSequence(certificate);
  const parts = derElements(signed?.value ?? Buffer.alloc(0));
  // Version, serial number, signature algorithm, issuer, validity, subject. The version is optional, and no integer.
  const subject = parts[parts[0]?.tag === integer ? 4 : 5];
  if (subject === undefined) throw new RangeError('a certificate is malformed');
  return subject.value;
}

import type { X509Certificate } from 'node:crypto';
import { derElements, derSequence } from './der.ts';
import { listsIn } from './secure-context.ts';

const integer = 0x02;
const sequence = 0x30;

/** The revoked certificates of some lists, as `identityOf` names them. */
export type Revoked = ReadonlySet<string>;

/**
 * Reads lists of revoked certificates (RFC 5280, 5.1). Their signatures are not checked: OpenSSL does that at each
 * handshake. Throws a RangeError if one is malformed.
 */
export function revokedIn(crl: string | Buffer): Revoked {
  const revoked = new Set<string>();
  for (const list of listsIn(crl)) {
    const [signed] = derSequence(Buffer.from(list.replace(/-----[^-]+-----/g, ''), 'base64'));
    const parts = derElements(signed?.value ?? Buffer.alloc(0));
    // Version, signature algorithm, issuer and the two times; the list follows. Version and next time are optional.
    const [, issuer, ...rest] = parts[0]?.tag === integer ? parts.slice(1) : parts;
    const entries = rest.find(({ tag }) => tag === sequence);
    for (const entry of entries === undefined ? [] : derElements(entries.value)) {
      const [serial] = derElements(entry.value);
      if (issuer && serial) revoked.add(nameOf(issuer.value, serial.value));
    }
  }
  return revoked;
}

/** What identifies a certificate: its issuer and serial number. Throws a RangeError if it is malformed. */
export function identityOf({ raw }: X509Certificate): string {
  const [signed] = derSequence(raw);
  const parts = derElements(signed?.value ?? Buffer.alloc(0));
  // Version, serial number, signature algorithm and issuer. The version is optional, and is no integer.
  const [serial, , issuer] = parts[0]?.tag === integer ? parts : parts.slice(1);
  if (serial === undefined || issuer === undefined) throw new RangeError('a certificate is malformed');
  return nameOf(issuer.value, serial.value);
}

function nameOf(issuer: Buffer, serial: Buffer): string {
  return `${issuer.toString('hex')} ${serial.toString('hex')}`;
}

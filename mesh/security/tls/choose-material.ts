import type { CheckedMaterial, IdentityFiles } from './check-material.ts';
import { PemFault, type PemFile } from './pem-file.ts';

/** A file that was read, or why it could not be. */
export type ReadFile = PemFile | PemFault;

/** The files of an identity as they are now. */
export type ReadFiles = { readonly [Name in keyof IdentityFiles]: ReadFile | Exclude<IdentityFiles[Name], PemFile> };

/** What can be used of changed files. */
export interface Choice {
  /** `undefined`: nothing. */
  readonly checked: CheckedMaterial | undefined;
  /** What is wrong with those that cannot be used. */
  readonly faults: readonly PemFault[];
}

/** Checks files. What is `used` already may have expired meanwhile. Throws a PemFault. */
export type CheckFiles = (files: IdentityFiles, used?: Partial<CheckedMaterial['material']>) => CheckedMaterial;

/**
 * Checks changed files in two groups: the certificate with its key, and the authorities with their lists. A
 * fault in one must not delay the other, which may revoke a stolen certificate: then it is used with what was
 * `used` of the first.
 */
export function chooseMaterial(read: ReadFiles, used: IdentityFiles, check: CheckFiles): Choice {
  const attempt = (files: ReadFiles) => checkAll(files, used, check);
  const all = attempt(read);
  if (!(all instanceof PemFault)) return { checked: all, faults: [] };
  const trust = attempt({ ...used, ca: read.ca, crl: read.crl });
  const own = attempt({ ...used, cert: read.cert, key: read.key });
  const faults = [own, trust].filter((each) => each instanceof PemFault);
  // Each of them can be used, but not with the other: those of peers are the more urgent ones.
  if (!(trust instanceof PemFault) && (own instanceof PemFault || isNew(trust, used)))
    return { checked: trust, faults: faults.length > 0 ? faults : [all] };
  return { checked: own instanceof PemFault ? undefined : own, faults: faults.length > 0 ? faults : [all] };
}

function checkAll(
  { cert, key, ca, crl }: ReadFiles,
  used: IdentityFiles,
  check: CheckFiles,
): CheckedMaterial | PemFault {
  if (cert instanceof PemFault) return cert;
  if (key instanceof PemFault) return key;
  if (ca instanceof PemFault) return ca;
  if (crl instanceof PemFault) return crl;
  try {
    const texts = { key: used.key.text, cert: used.cert.text, ca: used.ca?.text, crl: used.crl?.text };
    return check({ cert, key, ca, crl }, texts);
  } catch (error) {
    if (error instanceof PemFault) return error;
    throw error;
  }
}

function isNew({ material }: CheckedMaterial, { ca, crl }: IdentityFiles): boolean {
  return material.ca !== ca?.text || material.crl !== crl?.text;
}

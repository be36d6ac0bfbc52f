import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

// What a new certificate takes over from the one that it replaces.

/** Returns the certificate in a file; `undefined` if there is none, or none that can be read. */
export function certificateAt(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** Its host names and IP addresses that are not among `own`. */
export function furtherHosts({ subjectAltName = '' }: X509Certificate, own: readonly string[]): readonly string[] {
  const hosts = [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, host = '']) =>
    host.toLowerCase(),
  );
  return hosts.filter((host) => !own.includes(host === '0:0:0:0:0:0:0:1' ? '::1' : host));
}

/** From its first moment to its last, in milliseconds. */
export function lifetimeMs({ validFromDate, validToDate }: X509Certificate): number {
  return validToDate.getTime() - validFromDate.getTime();
}

/** Whether it has less than a third of its time left. */
export function isDue(certificate: X509Certificate): boolean {
  return certificate.validToDate.getTime() - Date.now() < lifetimeMs(certificate) / 3;
}

/** Whether one of the CAs has signed it. All PEM. */
export function isSignedByOneOf(certificate: X509Certificate, authorities: readonly string[]): boolean {
  return authorities.some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
}

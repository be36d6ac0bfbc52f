import type { TlsIdentity, TlsMaterial } from './tls-options.ts';

/** An identity that never changes. */
export function fixedIdentity(material: TlsMaterial): TlsIdentity {
  return { current: material, onChange: () => () => undefined };
}

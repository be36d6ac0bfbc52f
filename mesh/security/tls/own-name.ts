import type { ServiceIds } from '../../identity/spiffe-id.ts';
import type { CheckedMaterial } from './check-material.ts';

/** As which services a process may present itself. */
export interface ProcessNames {
  /** The services that it is, and last what may answer for all of them. */
  readonly own: readonly string[];
  /** Whether other processes may call it. */
  readonly isCalled: boolean;
  /** All services that are known. */
  readonly known: ReadonlySet<string>;
}

interface NameCheck extends Omit<ProcessNames, 'isCalled'> {
  /** The certificate that the process has begun with. */
  readonly first: CheckedMaterial;
  readonly idsIn: (checked: CheckedMaterial) => ServiceIds;
}

/**
 * Finds certificates of services that a process is not: their callers would refuse it, and it would call with the
 * rights of another one. The name of a whole mesh is that of no service. Once a process has begun with a name that fits
 * it, the name has to stay: others rely on it, and the start has checked what it permits.
 */
export function checkName({ own, known, first, idsIn }: NameCheck): (checked: CheckedMaterial) => string | undefined {
  const nameOf = (checked: CheckedMaterial) => checked.id && idsIn(checked).serviceOf(checked.id);
  const firstName = nameOf(first);
  const fits = firstName === undefined || own.includes(firstName) || !known.has(firstName);
  return (checked) => {
    const name = nameOf(checked);
    if (fits && name === firstName) return undefined;
    const named = name === undefined ? 'no service' : `the service ${name}`;
    const whose = `whose certificate ${checked.chain[0].subject} names ${named}`;
    const ids = idsIn(checked);
    if (fits) {
      const begun = firstName === undefined ? 'none' : ids.idOf(firstName);
      return `${whose}, but this process has begun with ${begun}: use that, or restart it`;
    }
    const uris = own.slice(own.length > 2 ? -1 : 0).map((service) => ids.idOf(service));
    return `${whose}, which this process is not: use one of ${uris.join(' or ')}`;
  };
}

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
 * rights of another one. The name of a whole mesh is that of no service, so it must only stay the same.
 */
export function checkName({ own, known, first, idsIn }: NameCheck): (checked: CheckedMaterial) => string | undefined {
  const nameOf = (checked: CheckedMaterial) => checked.id && idsIn(checked).serviceOf(checked.id);
  const firstName = nameOf(first);
  return (checked) => {
    const name = nameOf(checked);
    const isOther = name !== undefined && known.has(name);
    if ((name !== undefined && own.includes(name)) || (name === firstName && !isOther)) return undefined;
    const named = name === undefined ? 'no service' : `the service ${name}`;
    const uris = own.slice(own.length > 2 ? -1 : 0).map((service) => idsIn(checked).idOf(service));
    return (
      `whose certificate ${checked.chain[0].subject} names ${named}, which this process is not: use one of ` +
      `${uris.join(' or ')}`
    );
  };
}

import type { Finding, OwnIds, Process } from '#mesh';

/** The services that charge and reserve under ids of their own. */
export interface Owners {
  /** Those in this process, by name. */
  readonly here: ReadonlyMap<string, OwnIds>;
  /** Whether an owner's ids can be checked: in this process, or in the one at its address. */
  isKnown(owner: string): boolean;
}

/** Finds the owners among the services of a process. */
export function findOwners({ services, hasAddress }: Pick<Process, 'services' | 'hasAddress'>): Owners {
  const here = new Map(services.flatMap(({ name, ownIds }) => (ownIds ? [[name, ownIds] as const] : [])));
  const names = new Set(services.map(({ name }) => name));
  return {
    here,
    isKnown: (owner) => here.has(owner) || (!names.has(owner) && hasAddress(owner)),
  };
}

/** Something with an owner: a payment or a reservation. */
interface Owned {
  readonly orderId: string;
  readonly owner: string;
}

/**
 * Returns what is for an order, and `undefined` for what has another owner. `owner` is empty for the order service, or its
 * name.
 */
export function ofOrder<Other extends Owned>(other: Other | undefined): Other | undefined {
  return other && (other.owner === '' || other.owner === 'order') ? other : undefined;
}

/** Returns a finding with this reason if nobody can say whether `other` is right. It is in use, so not refunded or released. */
export function judgeOwner(
  other: Owned | undefined,
  { reason, isKnown, what }: Pick<Owners, 'isKnown'> & { readonly reason: string; readonly what: string },
): Finding | undefined {
  if (!other || ofOrder(other) || isKnown(other.owner)) return undefined;
  const { orderId, owner } = other;
  const message = `${what} of ${orderId} has the owner ${owner}, which could not be asked: it is neither a service of this process that reports its ids, nor has an address in DISCOVERY_URL`;
  return { reason, ids: [orderId, owner], message };
}

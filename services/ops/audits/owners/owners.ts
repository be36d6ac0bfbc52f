import type { AuditCheck, Finding, OwnIds, Process } from '#mesh';
import type { PartGroup } from '../../remote/find-parts.ts';
import { findOwnersElsewhere, type OwnersElsewhere } from './owners-elsewhere.ts';

/** The services that charge and reserve under ids of their own. */
export interface Owners {
  /** Those in this process, by name. */
  readonly here: ReadonlyMap<string, OwnIds>;
  /** Asks the other processes for theirs. */
  elsewhere(signal: AbortSignal): Promise<OwnersElsewhere>;
}

/** Finds the owners among the services of a process, and in the processes of `groups`. */
export function findOwners({ services }: Pick<Process, 'services'>, groups: () => readonly PartGroup[]): Owners {
  return {
    here: new Map(services.flatMap(({ name, ownIds }) => (ownIds ? [[name, ownIds] as const] : []))),
    elsewhere: (signal) => findOwnersElsewhere(groups(), signal),
  };
}

/**
 * Returns a check whose judgement needs to know which owners there are. One in a process that does not answer is known: the
 * check of owners elsewhere reports that.
 */
export function withOwners({ here, elsewhere }: Owners, checkOf: (isKnown: IsKnown) => AuditCheck): AuditCheck {
  const { name } = checkOf(() => false);
  return {
    name,
    async *run(progress, signal) {
      const { owners, mayBeAway } = await elsewhere(signal);
      yield* checkOf((owner) => here.has(owner) || owners.has(owner) || mayBeAway(owner)).run(progress, signal);
    },
  };
}

/** Whether somebody checks the ids of an owner. */
export type IsKnown = (owner: string) => boolean;

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
  { reason, isKnown, what }: { readonly reason: string; readonly isKnown: IsKnown; readonly what: string },
): Finding | undefined {
  if (!other || ofOrder(other) || isKnown(other.owner)) return undefined;
  const { orderId, owner } = other;
  const message = `${what} of ${orderId} has the owner ${owner}, which could not be asked: no service with this name that reports its ids is in this process or found by DISCOVERY_URL`;
  return { reason, ids: [orderId, owner], message };
}

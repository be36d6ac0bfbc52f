import type { AuditCheck, Finding, OwnIds, Process } from '#mesh';
import type { FoundParts } from '../../remote/find-parts.ts';
import { findOwnersElsewhere, type OwnersElsewhere } from './owners-elsewhere.ts';

/** The services that charge and reserve under ids of their own. */
export interface Owners {
  /** Those in this process, by name. */
  readonly here: ReadonlyMap<string, OwnIds>;
  /** Asks the other processes for theirs. */
  elsewhere(signal: AbortSignal): Promise<OwnersElsewhere>;
}

/** Finds the owners among the services of a process, and in the other processes of the mesh. */
export function findOwners({ services }: Pick<Process, 'services'>, find: () => FoundParts): Owners {
  return {
    here: new Map(services.flatMap(({ name, ownIds }) => (ownIds ? [[name, ownIds] as const] : []))),
    elsewhere: (signal) => findOwnersElsewhere(find, signal),
  };
}

/** The owners during a check. */
export interface KnownOwners {
  /** Whether somebody checks the ids of an owner, or may: one in a process that does not answer is reported by another check. */
  has(owner: string): boolean;
  /** Asks the other processes again: they may have come or gone since the check began. */
  refresh(): Promise<void>;
}

/** Returns a check whose judgement needs to know which owners there are. */
export function withOwners({ here, elsewhere }: Owners, checkOf: (known: KnownOwners) => AuditCheck): AuditCheck {
  const { name } = checkOf({ has: () => false, refresh: async () => undefined });
  return {
    name,
    async *run(progress, signal) {
      let found = await elsewhere(signal);
      const known: KnownOwners = {
        has: (owner) => here.has(owner) || found.owners.has(owner) || found.mayBeAway(owner),
        async refresh() {
          found = await elsewhere(signal);
        },
      };
      yield* checkOf(known).run(progress, signal);
    },
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
  { reason, owners, what }: { readonly reason: string; readonly owners: KnownOwners; readonly what: string },
): Finding | undefined {
  if (!other || ofOrder(other) || owners.has(other.owner)) return undefined;
  const { orderId, owner } = other;
  const message = `${what} of ${orderId} has the owner ${owner}, which could not be asked: no service with this name that reports its ids is in this process or found by DISCOVERY_URL`;
  return { reason, ids: [orderId, owner], message };
}

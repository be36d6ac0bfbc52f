import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { ReservationState } from '#gen/inventory/v1/inventory.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { PaymentState } from '#gen/payment/v1/payment.ts';
import { type AuditCheck, inBatches, type OwnIds, type Runtime } from '#mesh';
import { chargeUnknownToOwner, reservationUnknownToOwner } from '../orders/errors.ts';
import { paymentsOf, reservationsOf } from '../whole-lists.ts';
import type { Owners } from './owners.ts';

/** What owners have: charges or reservations. */
interface Possessions {
  readonly name: string;
  readonly reason: string;
  /** `was charged`. */
  readonly verb: string;
  /** Lists the ids of those that are in use. */
  list(owner: string, signal: AbortSignal): AsyncGenerator<string>;
}

const maxIdsPerQuestion = 100;

/**
 * Returns the checks that each owner knows the ids under which it charged and reserved, as far as payment and inventory are
 * in this process or have an address: `gift/charges` and `gift/reservations` of an owner in this process, `owners/charges` and
 * `owners/reservations` of those elsewhere.
 */
export function auditOwners(
  { here, elsewhere }: Owners,
  { findClient, hasOthers }: Pick<Runtime, 'findClient'> & { readonly hasOthers: boolean },
): AuditCheck[] {
  const possessions = [findCharges(findClient), findReservations(findClient)].filter((found) => found !== undefined);
  const inOthers = hasOthers ? possessions.map((which) => auditElsewhere(which, elsewhere)) : [];
  return [
    ...[...here].flatMap(([owner, ownIds]) => possessions.map((which) => auditPossessions(owner, ownIds, which))),
    ...inOthers,
  ];
}

/** Ends with an error if a process that may have an owner did not answer. */
function auditElsewhere(which: Possessions, elsewhere: Owners['elsewhere']): AuditCheck {
  return {
    name: `owners/${which.name}`,
    async *run(progress, signal) {
      const { owners, requireAll } = await elsewhere(signal);
      for (const [owner, ownIds] of owners) yield* auditPossessions(owner, ownIds, which).run(progress, signal);
      requireAll();
    },
  };
}

function findCharges(findClient: Runtime['findClient']): Possessions | undefined {
  const payments = findClient(PaymentServiceContract);
  return (
    payments && {
      name: 'charges',
      reason: chargeUnknownToOwner.reason,
      verb: 'charged',
      async *list(owner, signal) {
        for await (const { orderId, state } of paymentsOf(payments)({ owner }, { signal }))
          if (state === PaymentState.PAYMENT_STATE_CHARGED) yield orderId;
      },
    }
  );
}

function findReservations(findClient: Runtime['findClient']): Possessions | undefined {
  const inventory = findClient(InventoryServiceContract);
  return (
    inventory && {
      name: 'reservations',
      reason: reservationUnknownToOwner.reason,
      verb: 'reserved',
      async *list(owner, signal) {
        for await (const { orderId, state } of reservationsOf(inventory)({ owner }, { signal }))
          if (state !== ReservationState.RESERVATION_STATE_RELEASED) yield orderId;
      },
    }
  );
}

/** An owner stores an id before it charges or reserves, so an id that it does not know is not work in progress. */
function auditPossessions(owner: string, ownIds: OwnIds, { name, reason, verb, list }: Possessions): AuditCheck {
  return {
    name: `${owner}/${name}`,
    async *run(progress, signal) {
      for await (const ids of inBatches(list(owner, signal), maxIdsPerQuestion)) {
        signal.throwIfAborted();
        progress.examined(ids.length);
        const own = new Set(await ownIds(ids));
        for (const id of ids.filter((each) => !own.has(each))) {
          yield { reason, ids: [id, owner], message: `service ${owner} ${verb} under ${id}, which it does not know` };
        }
      }
    },
  };
}

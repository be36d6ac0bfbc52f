import { Status } from 'nice-grpc-common';
import { invalidRequest, MeshError } from '#mesh';

/** NOT_FOUND `UNKNOWN_SAGA`. */
export function unknownSaga(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'UNKNOWN_SAGA', `there is no saga ${id}: look for it with ListSagas`, {
    metadata: { id },
  });
}

/** NOT_FOUND `UNKNOWN_SAGA`, asked for by its order. */
export function noSagaOfOrder(orderId: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'UNKNOWN_SAGA', `order ${orderId} has no saga: check the order's id`, {
    metadata: { order_id: orderId },
  });
}

/** NOT_FOUND `UNKNOWN_DEAD_LETTER`. */
export function unknownDeadLetter(id: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'UNKNOWN_DEAD_LETTER',
    `there is no dead letter ${id}: it was redriven or discarded, or never was; ListDeadLetters shows those there are`,
    { metadata: { id } },
  );
}

/** INVALID_ARGUMENT `INVALID_FIELD`: it is not clear which dead letters are meant. */
export function eitherIdsOrFilter(): MeshError {
  const description = 'must be set when filter is not, and only then; an empty filter means all dead letters';
  return invalidRequest([{ field: 'ids', description }]);
}

/** NOT_FOUND `UNKNOWN_PROJECTION`: several have this name. */
export function ambiguousProjection(name: string, meant: readonly string[]): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'UNKNOWN_PROJECTION',
    `${name} may be any of ${meant.join(', ')}: write the service before it`,
    { metadata: { name } },
  );
}

/** NOT_FOUND `NO_AUDIT_YET`. */
export function noAuditYet(): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'NO_AUDIT_YET',
    'no audit in the background has ended since the process started: wait for it (AUDIT_INTERVAL_MS says how long), or run one with RunAudit',
  );
}

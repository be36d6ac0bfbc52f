import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** The refusal of a transaction that would have others wait: INTERNAL `TRANSACTION_AWAITED_OUTSIDE`. */
export function awaitedOutsideError(): MeshError {
  return new MeshError(
    Status.INTERNAL,
    'TRANSACTION_AWAITED_OUTSIDE',
    'a transaction awaited something else than its own calls and was rolled back; do that work before or after it, all others wait behind it',
  );
}

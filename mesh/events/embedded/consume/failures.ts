import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import { eventsUnavailable } from '../../errors.ts';

/** Returns the error for a caller: UNAVAILABLE `EVENTS_UNAVAILABLE` if the file cannot be used. */
export function toLogFailure(error: unknown): unknown {
  if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) return error;
  return eventsUnavailable({ problem: error.message }, { cause: error });
}

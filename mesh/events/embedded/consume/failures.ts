import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import { eventsUnavailable } from '../../errors.ts';

/** What is reported to a caller for `error`: where the file underneath cannot be used, UNAVAILABLE `EVENTS_UNAVAILABLE`. */
export function toLogFailure(error: unknown): unknown {
  if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) return error;
  return eventsUnavailable({ problem: error.message }, { cause: error });
}

import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';

/** What a call to a closed log is answered. */
export function logClosed(): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', 'the event log is closed: open it again to use it');
}

/** What is reported to a caller for `error`: where the file underneath cannot be used, UNAVAILABLE `EVENTS_UNAVAILABLE`. */
export function toLogFailure(error: unknown): unknown {
  if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) return error;
  const text = `the event log cannot be used now, try again: ${error.message}`;
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', text, { cause: error });
}

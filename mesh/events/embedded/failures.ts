import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';

/** What a call to a closed log is answered. */
export function logClosed(): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', 'the event log is closed: open it again to use it');
}

/** Runs `work`; a failure of the file underneath becomes UNAVAILABLE `EVENTS_UNAVAILABLE`. */
export async function asLogFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) throw error;
    const text = `the event log cannot be used now, try again: ${error.message}`;
    throw new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', text, { cause: error });
  }
}

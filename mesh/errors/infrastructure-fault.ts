import { Status } from 'nice-grpc-common';
import { MeshError } from './mesh-error.ts';

const infrastructureCodes: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
]);

/** Whether a storage or a service that was asked is down or too slow: no fault of what it was asked for. */
export function isInfrastructureFault(error: unknown): boolean {
  return error instanceof MeshError && infrastructureCodes.has(error.code);
}

import { Status } from 'nice-grpc-common';
import { MeshError } from './mesh-error.ts';

/**
 * What a status code says about the work it answers. Sagas, consumers, workers and relays decide by these four groups, so
 * one answer means the same everywhere. A code that is in none of them (UNKNOWN, CANCELLED, ABORTED, INTERNAL, DATA_LOSS)
 * leaves the outcome unknown: retry it with the same id.
 */

/** The business's own answers: the call had no effect, and no repetition of it helps. */
const refusing: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
]);

/** The installation is wired wrongly: a missing service, a wrong address or version, missing rights. Never the business. */
const miswired: ReadonlySet<Status> = new Set([Status.UNIMPLEMENTED, Status.UNAUTHENTICATED, Status.PERMISSION_DENIED]);

/** Reasons of the runtime whose code would be a refusal, but which say that two builds do not fit each other. */
const miswiredReasons: ReadonlySet<string> = new Set(['UNDECODABLE_MESSAGE', 'MALFORMED_TIMEOUT']);

/** The other side is down, overloaded or too slow. */
const infrastructure: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
]);

/** Reasons whose code is another, and which say that a database is at fault, not what it was asked for. */
const infrastructureReasons: ReadonlySet<string> = new Set(['STORAGE_CORRUPT']);

/** An answer, as far as these decisions need it. */
export interface Answer {
  readonly code: Status;
  /** Empty where the peer sent none. */
  readonly reason: string;
}

/** Whether the business refused: the only kind of failure that may end an order, an event or a task for good. */
export function isRefusal({ code, reason }: Answer): boolean {
  return refusing.has(code) && !miswiredReasons.has(reason);
}

/** Whether this installation is wired wrongly. Retry it, log it as an `error`, and show it as failing. */
export function isMiswired({ code, reason }: Answer): boolean {
  return miswired.has(code) || miswiredReasons.has(reason);
}

/** Whether a database or a service that was asked is down, damaged or too slow: no fault of what it was asked for. */
export function isInfrastructureFault(error: unknown): error is MeshError {
  return error instanceof MeshError && (infrastructure.has(error.code) || infrastructureReasons.has(error.reason));
}

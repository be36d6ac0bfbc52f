import { Status } from 'nice-grpc-common';
import { MeshError } from './mesh-error.ts';

/**
 * What a status code says about the work it answers. Every policy is here by name, so one answer means the same everywhere,
 * and each difference between two policies has its reason next to it. A code that is neither a refusal, nor a wiring fault,
 * nor an outage (UNKNOWN, CANCELLED, ABORTED, INTERNAL, DATA_LOSS) leaves the outcome unknown: retry it with the same id.
 */

/** The business's own answers: the call had no effect, and repeating it does not help. */
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
const outages: ReadonlySet<Status> = new Set([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED]);

/** Reasons with another code that say that a database is at fault, not the request. */
const infrastructureReasons: ReadonlySet<string> = new Set(['STORAGE_CORRUPT']);

/** Wiring faults and what nobody expected: unlike a refusal, not the caller's own mistake. */
const serverFaults: ReadonlySet<Status> = new Set([
  ...outages,
  Status.UNKNOWN,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.DATA_LOSS,
]);

/** Codes that concern the called service rather than the request. */
const aboutService: ReadonlySet<Status> = new Set([...outages, Status.ABORTED, Status.INTERNAL]);

/** The part of an answer that these decisions need. */
interface Answer {
  readonly code: Status;
  /** Empty if the peer sent none. */
  readonly reason: string;
}

/** Whether the business refused: the only kind of failure that may permanently end an order, a task or an outbox entry. */
export function isRefusal({ code, reason }: Answer): boolean {
  return refusing.has(code) && !miswiredReasons.has(reason);
}

/**
 * Whether an event itself is at fault, so no further attempt can succeed. Narrower than `isRefusal`: any other refusal may
 * come from state that is not yet caught up with the event, such as an order that is not there yet, and the event gets its attempts.
 */
export function isInvalidEvent(error: unknown): boolean {
  return error instanceof SyntaxError || (error instanceof MeshError && error.code === Status.INVALID_ARGUMENT);
}

/** Whether this installation is wired wrongly. Retry it, log it as an `error`, and show it as failing. */
export function isMiswired({ code, reason }: Answer): boolean {
  return miswired.has(code) || miswiredReasons.has(reason);
}

/** Whether the other side is down, overloaded or too slow. Breakers count these. */
export function isOutage({ code }: Pick<Answer, 'code'>): boolean {
  return outages.has(code);
}

/**
 * Whether a database or a called service is down, damaged or too slow: no fault of what was requested. Wider than
 * `isOutage`: work waits for a damaged database to be restored, but a breaker that opens would not help it.
 */
export function isInfrastructureFault(error: unknown): error is MeshError {
  return error instanceof MeshError && (isOutage(error) || infrastructureReasons.has(error.reason));
}

/** Whether stored data is damaged or missing. */
export function isDataLoss(error: unknown): error is MeshError {
  return error instanceof MeshError && error.code === Status.DATA_LOSS;
}

/** Whether a call failed because of the server; the access log shows these as `warn`. */
export function isServerFault(code: Status): boolean {
  return serverFaults.has(code);
}

/**
 * Whether the failure of a called service may be passed on to the own caller. A refusal may not: it answers a request that
 * this service made, so it is this service's fault (https://google.aip.dev/193, propagation).
 */
export function mayPassOn({ code }: Pick<Answer, 'code'>): boolean {
  return aboutService.has(code);
}

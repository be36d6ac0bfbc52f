import { Status } from 'nice-grpc-common';
import type { FieldViolation } from '../contract/contract.ts';
import { messageTooLarge } from '../engines/native/grpc/errors.ts';
import { publicTextOf } from '../errors/error-text.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import {
  answerTooLarge,
  bodyTooLarge,
  headersTooLarge,
  methodNotAllowed,
  requestTooSlow,
  unsupportedMediaType,
} from './errors.ts';

/** The media type of a problem (RFC 9457). */
export const problemType = 'application/problem+json';

/** The body of an answer to a request that failed: RFC 9457, with the details that gRPC callers get. */
export interface Problem {
  /** `urn:ordermesh:error:USER_NOT_FOUND`. */
  readonly type: string;
  /** The same for every problem of a type: `User not found`. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** For people: what happened, to what, what to do. */
  readonly detail: string;
  /** The name of the gRPC code: `NOT_FOUND`. */
  readonly code: string;
  /** UPPER_SNAKE and stable; listed in docs/errors.md. */
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly request_id: string;
  readonly retry_after_ms?: number;
}

/** The HTTP status of each code, as google/rpc/code.proto has it. */
const statusOfCode: Readonly<Record<Status, number>> = {
  [Status.OK]: 200,
  [Status.CANCELLED]: 499,
  [Status.UNKNOWN]: 500,
  [Status.INVALID_ARGUMENT]: 400,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.FAILED_PRECONDITION]: 400,
  [Status.ABORTED]: 409,
  [Status.OUT_OF_RANGE]: 400,
  [Status.UNIMPLEMENTED]: 501,
  [Status.INTERNAL]: 500,
  [Status.UNAVAILABLE]: 503,
  [Status.DATA_LOSS]: 500,
  [Status.UNAUTHENTICATED]: 401,
};

/** Reasons for which HTTP has a more exact status than for their code. */
const statusOfReason: ReadonlyMap<string, number> = new Map([
  [methodNotAllowed.reason, 405],
  [requestTooSlow.reason, 408],
  [bodyTooLarge.reason, 413],
  // The request fits into a body, but not into a message.
  [messageTooLarge.reason, 413],
  [unsupportedMediaType.reason, 415],
  [headersTooLarge.reason, 431],
  [answerTooLarge.reason, 500],
]);

/** How long to wait after UNAVAILABLE if nobody says. */
const defaultRetryAfterMs = 1_000;

/** Returns the HTTP status of an error. */
export function httpStatusOf({ code, reason }: Pick<MeshError, 'code' | 'reason'>): number {
  return statusOfReason.get(reason) ?? statusOfCode[code] ?? 500;
}

/** Returns how long the caller should wait before it tries again; `undefined` if waiting does not help. */
export function retryAfterMsOf({ code, retryAfterMs }: MeshError): number | undefined {
  return retryAfterMs ?? (code === Status.UNAVAILABLE ? defaultRetryAfterMs : undefined);
}

/** Describes an error to the caller of a request. */
export function problemOf(error: MeshError, requestId: string): Problem {
  const { code, reason, metadata, violations } = error;
  const retryAfterMs = retryAfterMsOf(error);
  return {
    type: `urn:ordermesh:error:${reason}`,
    title: titleOf(reason),
    status: httpStatusOf(error),
    detail: publicTextOf(error),
    code: Status[code] ?? 'UNKNOWN',
    reason,
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(violations.length > 0 && { violations }),
    request_id: requestId,
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
  };
}

/** The headers of the answer that carries a problem. */
export function problemHeaders({ status, retry_after_ms }: Problem): Readonly<Record<string, string>> {
  // Whole seconds, rounded up: a caller that comes back too early is refused again.
  const seconds = retry_after_ms === undefined ? undefined : String(Math.ceil(retry_after_ms / 1_000));
  return {
    'content-type': problemType,
    ...(seconds !== undefined && (status === 429 || status === 503) && { 'retry-after': seconds }),
  };
}

/** `USER_NOT_FOUND` → `User not found`. */
function titleOf(reason: string): string {
  const words = reason.replaceAll('_', ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

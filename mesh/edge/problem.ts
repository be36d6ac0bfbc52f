import { Status } from 'nice-grpc-common';
import type { FieldViolation } from '../contract/contract.ts';
import { publicTextOf } from '../errors/error-text.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import { httpStatusOf } from './http-status.ts';
import { type CallerQuota, capacityProblem } from './semantics/rate-limit.ts';

/** The media type of a problem (RFC 9457). */
export const problemType = 'application/problem+json';

/** The body of an answer to a request that failed: RFC 9457, with the details that gRPC callers get. */
export interface Problem {
  /** `urn:ordermesh:error:USER_NOT_FOUND`; for status 429 one of the draft of the header `RateLimit`. */
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
  /** The policies of `RateLimit-Policy` that the caller exceeds. */
  readonly 'violated-policies'?: readonly string[];
}

/** What the problem of a request depends on, besides its error. */
export interface FailedRequest {
  readonly requestId: string;
  /** Whether it changes a resource with the etag of the header `If-Match`. */
  readonly isIfMatch?: boolean | undefined;
  /** What its caller may have in progress. */
  readonly quota?: CallerQuota | undefined;
}

/** How long to wait after UNAVAILABLE if nobody says. */
const defaultRetryAfterMs = 1_000;

/** Returns how long the caller should wait before it tries again; `undefined` if waiting does not help. */
export function retryAfterMsOf({ code, retryAfterMs }: MeshError): number | undefined {
  return retryAfterMs ?? (code === Status.UNAVAILABLE ? defaultRetryAfterMs : undefined);
}

/** Describes an error to the caller of a request. */
export function problemOf(error: MeshError, { requestId, isIfMatch, quota }: FailedRequest): Problem {
  const { code, reason, metadata, violations } = error;
  const retryAfterMs = retryAfterMsOf(error);
  const status = httpStatusOf(error, isIfMatch);
  return {
    type: `urn:ordermesh:error:${reason}`,
    title: titleOf(reason),
    status,
    detail: publicTextOf(error),
    code: Status[code] ?? 'UNKNOWN',
    reason,
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(violations.length > 0 && { violations }),
    request_id: requestId,
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    ...(status === 429 && capacityProblem(quota)),
  };
}

/** The headers of the answer that carries a problem. */
export function problemHeaders({ retry_after_ms }: Problem): Readonly<Record<string, string>> {
  // Whole seconds, rounded up: a caller that comes back too early is refused again.
  const seconds = retry_after_ms === undefined ? undefined : String(Math.ceil(retry_after_ms / 1_000));
  return {
    'content-type': problemType,
    ...(seconds !== undefined && { 'retry-after': seconds }),
  };
}

const acronyms: ReadonlySet<string> = new Set(['HTTP', 'ID', 'SKU', 'TLS', 'URL']);

/** `USER_NOT_FOUND` → `User not found`, `MALFORMED_HTTP` → `Malformed HTTP`. */
function titleOf(reason: string): string {
  const words = reason.split('_').map((word) => (acronyms.has(word) ? word : word.toLowerCase()));
  const title = words.join(' ');
  return title.charAt(0).toUpperCase() + title.slice(1);
}

import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { httpStatusOf } from '../../mesh/edge/http-status.ts';
import { isRefusal } from '../../mesh/errors/codes.ts';
import { type DefinedReason, definedReasons } from '../../scripts/support/error-tables.ts';

const reasons = (await definedReasons()).filter(
  (reason): reason is DefinedReason & { readonly code: Status } =>
    reason.seenIn === undefined && reason.code !== undefined,
);

/** Codes after which the caller has to act, not the server. */
const callerFaults: ReadonlySet<Status> = new Set([
  Status.CANCELLED,
  Status.UNAUTHENTICATED,
  Status.PERMISSION_DENIED,
  Status.RESOURCE_EXHAUSTED,
  Status.ABORTED,
]);

describe('the HTTP status of a reason', () => {
  it('exists for each that callers get', () => {
    expect(reasons.length).toBeGreaterThan(90);
    for (const { code, reason } of reasons) {
      const status = httpStatusOf({ code, reason });
      expect(status, reason).toBeGreaterThanOrEqual(400);
      expect(status, reason).toBeLessThan(600);
    }
  });

  it('is below 500 for each fault of a caller', () => {
    const faults = reasons.filter((reason) => isRefusal(reason) || callerFaults.has(reason.code));
    expect(faults.length).toBeGreaterThan(60);
    const wrong = faults.filter((reason) => httpStatusOf(reason) >= 500);
    expect(wrong.map(({ reason }) => reason)).toEqual([]);
  });

  it('is below 500 where only another request can succeed', () => {
    const told = reasons.filter(({ fix }) => /^(send|accept|use|repeat it after|fix the client)\b/.test(fix));
    const wrong = told.filter((reason) => httpStatusOf(reason) >= 500).map(({ reason }) => reason);
    // About frames of gRPC and messages of the contract, which the edge makes itself, and about what a service calls.
    expect(wrong).toEqual([
      'MALFORMED_REQUEST',
      'REDIRECT_REFUSED',
      'REQUEST_INCOMPLETE',
      'UNDECODABLE_MESSAGE',
      'UNKNOWN_ENCODING',
      'UNKNOWN_FLAG',
    ]);
  });

  it('is 500 or more for what is broken or away', () => {
    const broken = new Set([Status.UNAVAILABLE, Status.DATA_LOSS, Status.UNKNOWN]);
    const wrong = reasons.filter((reason) => broken.has(reason.code) && httpStatusOf(reason) < 500);
    expect(wrong.map(({ reason }) => reason)).toEqual([]);
  });

  it.each([
    ['IDEMPOTENCY_KEY_MISSING', 400],
    ['IDEMPOTENCY_KEY_IN_USE', 409],
    ['REQUEST_ID_REUSED', 422],
    ['INVALID_HEADER', 400],
    ['HEADER_CONTRADICTS_BODY', 400],
    ['PRECONDITION_FAILED', 412],
    ['STALE_ETAG', 409],
    ['NOT_ACCEPTABLE', 406],
    ['UNSUPPORTED_CONTENT_ENCODING', 415],
    ['MALFORMED_CONTENT_ENCODING', 400],
    ['BODY_TOO_LARGE', 413],
    ['MESSAGE_TOO_LARGE', 413],
    ['EVENT_TOO_LARGE', 413],
    ['INSUFFICIENT_FUNDS', 400],
    ['USER_ID_TAKEN', 409],
    ['SERVER_OVERLOADED', 429],
    ['TOO_MANY_ORDERS', 429],
    ['NO_ENDPOINTS', 503],
    ['SERVER_DRAINING', 503],
    ['CIRCUIT_OPEN', 503],
    ['DEADLINE_EXCEEDED', 504],
    ['CANCELLED', 499],
  ])('of %s is %i', (name, status) => {
    const found = reasons.find(({ reason }) => reason === name);
    expect(found && httpStatusOf(found)).toBe(status);
  });

  it('of a stale etag is 412 if it came from the header If-Match', () => {
    expect(httpStatusOf({ code: Status.ABORTED, reason: 'STALE_ETAG' }, true)).toBe(412);
    expect(httpStatusOf({ code: Status.ABORTED, reason: 'REBUILD_LOST' }, true)).toBe(409);
  });
});

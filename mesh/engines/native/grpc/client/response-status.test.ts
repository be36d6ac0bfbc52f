import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../http2/codec/frames.ts';
import { abortStatus, httpStatus, resetStatus } from './response-status.ts';

describe('a call that the server cancels', () => {
  it('is CANCELLED before its deadline, and when it has none', () => {
    expect(resetStatus(ErrorCode.CANCEL, 1_001, 1_000)[0]).toBe(Status.CANCELLED);
    expect(resetStatus(ErrorCode.CANCEL, undefined, 1_000)[0]).toBe(Status.CANCELLED);
  });

  it('is DEADLINE_EXCEEDED from its deadline on', () => {
    expect(resetStatus(ErrorCode.CANCEL, 1_000, 1_000)[0]).toBe(Status.DEADLINE_EXCEEDED);
  });

  it('is UNAVAILABLE when it was refused, whatever its deadline', () => {
    expect(resetStatus(ErrorCode.REFUSED_STREAM, 1_000, 2_000)[0]).toBe(Status.UNAVAILABLE);
  });
});

it('a call that its caller gives up is CANCELLED, and DEADLINE_EXCEEDED from its deadline on', () => {
  expect(abortStatus(1_001, 1_000)[0]).toBe(Status.CANCELLED);
  expect(abortStatus(1_000, 1_000)[0]).toBe(Status.DEADLINE_EXCEEDED);
});

it.each([
  ['401', Status.UNAUTHENTICATED],
  ['404', Status.UNIMPLEMENTED],
  ['503', Status.UNAVAILABLE],
  ['418', Status.UNKNOWN],
])('an answer with HTTP status %s that is no gRPC means %i', (status, code) => {
  expect(httpStatus(status)).toEqual([code, expect.stringContaining(status)]);
});

import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../http2/codec/frames.ts';
import { abortStatus, httpStatus, resetStatus } from './response-status.ts';

describe('a call that the server cancels', () => {
  it('is CANCELLED before its deadline, or without one', () => {
    expect(resetStatus(ErrorCode.CANCEL, 1_001, 1_000)[0]).toBe(Status.CANCELLED);
    expect(resetStatus(ErrorCode.CANCEL, undefined, 1_000)[0]).toBe(Status.CANCELLED);
  });

  it('is DEADLINE_EXCEEDED after its deadline', () => {
    expect(resetStatus(ErrorCode.CANCEL, 1_000, 1_000)[0]).toBe(Status.DEADLINE_EXCEEDED);
  });

  it('is UNAVAILABLE if it was refused, with any deadline', () => {
    expect(resetStatus(ErrorCode.REFUSED_STREAM, 1_000, 2_000)[0]).toBe(Status.UNAVAILABLE);
  });
});

describe('the status on this side', () => {
  it('is CANCELLED for a cancelled call, and DEADLINE_EXCEEDED after its deadline', () => {
    expect(abortStatus(1_001, 1_000)[0]).toBe(Status.CANCELLED);
    expect(abortStatus(1_000, 1_000)[0]).toBe(Status.DEADLINE_EXCEEDED);
  });

  it.each([
    ['401', Status.UNAUTHENTICATED],
    ['404', Status.UNIMPLEMENTED],
    ['503', Status.UNAVAILABLE],
    ['418', Status.UNKNOWN],
  ])('follows the HTTP status %s of a response that is not gRPC: %i', (status, code) => {
    expect(httpStatus(status)).toEqual([code, expect.stringContaining(status)]);
  });
});

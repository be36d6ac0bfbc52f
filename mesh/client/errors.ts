import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';
import { cancelled, deadlineExceeded } from '../errors/errors.ts';

export const circuitOpen = defineError({
  reason: 'CIRCUIT_OPEN',
  code: Status.UNAVAILABLE,
  means: 'too many calls to the service failed, so calls are stopped for a few seconds',
  fix: 'wait as long as RetryInfo says',
  text: ({
    target,
    reason,
    retryTime,
  }: {
    readonly target: string;
    readonly reason: string;
    readonly retryTime: Date;
  }) =>
    `calls to ${target} are stopped because too many failed, the last with ${reason}: retry at ${retryTime.toISOString()}`,
  metadata: ({ target }) => ({ target }),
});

export const noTimeLeft = deadlineExceeded.variant({
  text: ({ lateMs }: { readonly lateMs: number }) =>
    `the call was not started: its deadline passed ${lateMs} ms ago; allow more time`,
  metadata: () => ({}),
});

export const cancelledWhileWaiting = cancelled.variant({
  text: 'the call was cancelled by its caller while it waited for a retry',
});

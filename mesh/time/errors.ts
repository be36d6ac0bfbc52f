import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';

export const checkTimedOut = defineError({
  reason: 'CHECK_TIMED_OUT',
  code: Status.UNAVAILABLE,
  means: 'a check did not answer within 5 s: what it depends on hangs or is overloaded',
  fix: 'look at what `HealthProblem.check` names',
  seenIn: 'health',
  text: ({ timeoutMs }: { readonly timeoutMs: number }) =>
    `the check took longer than ${timeoutMs} ms: check whether what it depends on answers`,
  metadata: () => ({}),
});

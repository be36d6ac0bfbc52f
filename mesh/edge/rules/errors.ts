import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';

export const invalidHttpRule = defineError({
  reason: 'INVALID_HTTP_RULE',
  code: Status.FAILED_PRECONDITION,
  means: 'a `google.api.http` rule of the contracts cannot be served, or two of them match the same requests',
  fix: 'correct the rule in the contract that the text names',
  seenIn: 'start',
  text: ({ method, problem }: { readonly method: string; readonly problem: string }) =>
    `the google.api.http rule of ${method} cannot be served: ${problem}`,
});

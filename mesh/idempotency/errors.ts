import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';

export const requestIdReused = defineError({
  reason: 'REQUEST_ID_REUSED',
  code: Status.ALREADY_EXISTS,
  means: 'the `request_id` belongs to a different request',
  fix: 'repeat that request unchanged or use a new id',
  text: ({ method, requestId }: { readonly method: string; readonly requestId: string }) =>
    `request_id ${requestId} was already used for a different ${method}: repeat that request unchanged or use a new id`,
  // Sagas of other processes, and of the versions before and after this one, read `requestId` by this name.
  metadata: ({ method, requestId }) => ({ method, requestId }),
});

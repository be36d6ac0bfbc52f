import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';

export const invalidIdentity = defineError({
  reason: 'INVALID_IDENTITY',
  code: Status.UNAUTHENTICATED,
  means: 'a service of the mesh said for whom it calls in a form that is not valid',
  fix: 'run one version of ordermesh on both sides, or send only what docs/identity.md describes',
  text: ({ key }: { readonly key: string }) => `${key} is malformed: send it as a service of the mesh does`,
});

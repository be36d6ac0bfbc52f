import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';

export const originNotAllowed = defineError({
  reason: 'ORIGIN_NOT_ALLOWED',
  code: Status.PERMISSION_DENIED,
  means: 'HTTP: a page of another origin, which `HTTP_CORS_ORIGINS` does not have, wants to make a change',
  fix: 'add the origin to [`HTTP_CORS_ORIGINS`](rest.md#from-a-browser) if you trust its pages',
  text: ({ origin }: { readonly origin: string | undefined }) =>
    `pages of ${origin ?? 'another origin'} may not call this API: add their origin to HTTP_CORS_ORIGINS`,
  metadata: () => ({}),
});

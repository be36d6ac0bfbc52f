import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';
import { cutText } from '../../errors/error-text.ts';

export const originNotAllowed = defineError({
  reason: 'ORIGIN_NOT_ALLOWED',
  code: Status.PERMISSION_DENIED,
  means: 'HTTP: a page of another origin, which `HTTP_CORS_ORIGINS` does not have, wants to make a change',
  fix: 'add the origin to [`HTTP_CORS_ORIGINS`](rest.md#from-a-browser) if you trust its pages',
  text: ({ origin }: { readonly origin: string | undefined }) =>
    `pages of ${origin ?? 'another origin'} may not call this API: add their origin to HTTP_CORS_ORIGINS`,
  metadata: () => ({}),
});

export const hostNotAllowed = defineError({
  reason: 'HOST_NOT_ALLOWED',
  code: Status.PERMISSION_DENIED,
  means: 'HTTP: the request is for a host name that is not one of the server: it may be a page that rebinds DNS',
  fix: 'call it as `localhost` or by its address, or add the name to [`HTTP_HOSTS`](rest.md#host-names)',
  text: ({ host }: { readonly host: string }) =>
    `host ${JSON.stringify(cutText(host, 100))} is not served here: call localhost or an address, or add the name to HTTP_HOSTS`,
  metadata: () => ({}),
});

import { Status } from 'nice-grpc-common';
import { defineError } from './define-error.ts';

/** `thing` names the kind of resource in the text: "user". */
export const staleEtag = defineError({
  reason: 'STALE_ETAG',
  code: Status.ABORTED,
  means: 'the resource has changed since it was read',
  fix: 'read it again and retry',
  text: ({ thing, id, etag }: { readonly thing: string; readonly id: string; readonly etag: string }) =>
    `${thing} "${id}" has changed since version "${etag}": read it again and retry`,
  metadata: ({ id, etag }) => ({ id, etag }),
});

import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';
import type { Caller } from '../../identity/caller.ts';

export const unauthenticated = defineError({
  reason: 'UNAUTHENTICATED',
  code: Status.UNAUTHENTICATED,
  means: 'the method is not for everyone, and the call has neither a token nor a certificate of a service',
  fix: 'send `authorization: Bearer <token>`',
  text: ({ path }: { readonly path: string }) => `${path} needs to know its caller: send a bearer token`,
  metadata: () => ({}),
});

export const permissionDenied = defineError({
  reason: 'PERMISSION_DENIED',
  code: Status.PERMISSION_DENIED,
  means: 'the caller may not call the method, or not for this resource, whether that exists or not',
  fix: 'see docs/authorization.md for who may; the log has the rule',
  text: ({ path, subject, service }: { readonly path: string } & Partial<Pick<Caller, 'subject' | 'service'>>) => {
    if (!subject && service !== undefined)
      return `${path} is not permitted for service "${service}": only services that its contract names may call it`;
    const who = subject ? ` for user "${subject}"` : '';
    return `${path} is not permitted${who}: see docs/authorization.md for who may call it`;
  },
  metadata: () => ({}),
});

export const tokenExpired = defineError({
  reason: 'TOKEN_EXPIRED',
  code: Status.UNAUTHENTICATED,
  means: "the caller's token expired while the stream was open",
  fix: 'get a new token, and resume the stream where it ended',
  text: ({ path }: { readonly path: string }) => `${path} ended because its token expired: resume it with a new token`,
  metadata: () => ({}),
});

export const ownerNotChecked = defineError({
  reason: 'OWNER_NOT_CHECKED',
  code: Status.INTERNAL,
  means: 'the handler did not check whose resource it is, so its response is withheld; a fault of the service',
  fix: 'call `context.assertOwner` in its handler',
  text: ({ path }: { readonly path: string }) =>
    `${path} returned without a check of the owner: call context.assertOwner in its handler`,
  publicText: ({ path }) => `${path} failed because of a fault in its service`,
  metadata: () => ({}),
});

export const reasonMissing = defineError({
  reason: 'REASON_MISSING',
  code: Status.INVALID_ARGUMENT,
  means:
    'what an operator or an admin changes is recorded with a reason, and neither the request nor its metadata has one',
  fix: 'set `reason` or `note` of the request, or the metadata (HTTP: the header) `request-reason`',
  text: ({ path, field }: { readonly path: string; readonly field: string | undefined }) => {
    const inRequest = field === undefined ? '' : `\`${field}\`, or `;
    return `${path} needs a reason, which is recorded: set ${inRequest}the metadata \`request-reason\``;
  },
  metadata: () => ({}),
});

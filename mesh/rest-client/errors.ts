import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';
import { cancelled } from '../errors/errors.ts';

export const invalidBaseUrl = defineError({
  reason: 'INVALID_BASE_URL',
  code: Status.INVALID_ARGUMENT,
  means: 'the base URL of a REST client is not `http://` or `https://`, or has a query or fragment',
  fix: 'fix the URL',
  text: 'invalid base URL of a REST client: use http(s)://<host>[:<port>][/<path>]',
});

export const invalidPath = defineError({
  reason: 'INVALID_PATH',
  code: Status.INVALID_ARGUMENT,
  means: 'the path of a REST call could lead elsewhere than below the base URL; nothing was sent',
  fix: 'begin it with one `/`, encode ids with `encodeURIComponent`, and pass the query as `params`',
  text: ({ path, problem }: { readonly path: string; readonly problem: string }) =>
    `invalid path ${JSON.stringify(path.slice(0, 200))}: ${problem}; encode ids with encodeURIComponent and pass the query as params`,
  metadata: () => ({}),
});

/** The text does not repeat the value, which may be a credential. */
export const unsendableHeader = defineError({
  reason: 'UNSENDABLE_HEADER',
  code: Status.INVALID_ARGUMENT,
  means: 'a header of a REST call cannot be sent as it is; nothing was sent',
  fix: 'use only characters of ISO 8859-1 without control characters, and no space at either end',
  text: ({ name, problem }: { readonly name: string; readonly problem: string }) =>
    `header ${JSON.stringify(name.slice(0, 100))} cannot be sent: its ${problem}`,
  metadata: () => ({}),
});

export const clientClosed = cancelled.variant({
  text: ({ path }: { readonly path: string }) => `${path} was cancelled: its REST client is closed`,
  metadata: () => ({}),
});

export const serverUnreachable = defineError({
  reason: 'SERVER_UNREACHABLE',
  code: Status.UNAVAILABLE,
  means: 'no connection to a REST API could be made, so it has not acted',
  fix: 'check its address, its certificate, and whether it runs',
  text: ({ call, service, problem }: CallFault) =>
    `${call}: ${service} cannot be reached (${problem}): check its address and whether it runs`,
  publicText: 'a service cannot be reached: call again later',
  metadata: () => ({}),
});

export const responseLost = defineError({
  reason: 'RESPONSE_LOST',
  code: Status.UNAVAILABLE,
  means: 'the connection to a REST API ended before its response was complete; the call may have taken effect',
  fix: 'check whether it did, or repeat it with the same `Idempotency-Key`',
  text: ({ call, service, problem }: CallFault) =>
    `${call}: no complete response of ${service} (${problem}): check whether it took effect`,
  publicText: 'a service gave no complete response: check whether the call took effect',
  metadata: () => ({}),
});

export const responseTooLarge = defineError({
  reason: 'RESPONSE_TOO_LARGE',
  code: Status.INTERNAL,
  means: 'the response of a REST API is larger than the client accepts; the call may have taken effect',
  fix: 'ask for less at a time, or raise `maxResponseBytes`',
  text: ({ call, service, maxBytes }: Omit<CallFault, 'problem'> & { readonly maxBytes: number }) =>
    `${call}: the response of ${service} has more than ${maxBytes} bytes: ask for less at a time, or raise maxResponseBytes`,
  publicText: 'a service gave too large a response: check whether the call took effect',
  metadata: () => ({}),
});

export const responseUnreadable = defineError({
  reason: 'RESPONSE_UNREADABLE',
  code: Status.INTERNAL,
  means: 'the response of a REST API is not the JSON that it should be; the call may have taken effect',
  fix: 'check the address, and what answers there',
  text: ({ call, service, problem }: CallFault) =>
    `${call}: the response of ${service} cannot be read (${problem}): check the address, and what answers there`,
  publicText: 'a service gave an unreadable response: check whether the call took effect',
  metadata: () => ({}),
});

export const redirectRefused = defineError({
  reason: 'REDIRECT_REFUSED',
  code: Status.INTERNAL,
  means:
    'a REST API redirects to another origin, changes the method, or redirects too often; the call may have taken effect',
  fix: 'use the address that it redirects to',
  text: ({ call, service, problem }: CallFault) =>
    `${call}: a redirect of ${service} was not followed (${problem}): use the address that it redirects to`,
  publicText: 'a service redirected a call elsewhere: check whether the call took effect',
  metadata: () => ({}),
});

/** `call` is method and path, `service` the name of the client, `problem` what was observed. */
interface CallFault {
  readonly call: string;
  readonly service: string;
  readonly problem: string;
}

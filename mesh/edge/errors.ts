import { Status } from 'nice-grpc-common';
import { noEndpoints } from '../discovery/errors.ts';
import { defineError } from '../errors/define-error.ts';
import { cutText } from '../errors/error-text.ts';

/** The path of the page that lists the paths, and tries calls. */
export const docsPath = '/api/docs';

export const serviceAbsent = noEndpoints.variant({
  text: ({ service }: { readonly service: string }) =>
    `${service} is not in this process, and DISCOVERY_URL has no address of it: start it, or add its address`,
  publicText: ({ service }) => `${service} has no instance that takes calls: retry later`,
  metadata: ({ service }) => ({ service }),
});

export const pathNotFound = defineError({
  reason: 'PATH_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'HTTP: no method of the contracts has the path',
  fix: 'see the `google.api.http` options in `proto/`; write the path exactly, without `//`, `..` or a slash at its end',
  text: ({ method, path }: { readonly method: string; readonly path: string }) =>
    `${shown(`${method} ${path}`)} not found: check the path, character by character; a slash at its end counts. ${docsPath} lists all`,
  metadata: () => ({}),
});

/** A text of a request for an error: cut, and without control characters. */
function shown(text: string): string {
  return cutText(text.replaceAll(/\p{Cc}+/gu, ' '), 200);
}

export const methodNotAllowed = defineError({
  reason: 'METHOD_NOT_ALLOWED',
  code: Status.UNIMPLEMENTED,
  means: 'HTTP: the path exists, but not with this method',
  fix: 'use one of those in the header `Allow`',
  text: ({ method, allow }: { readonly method: string; readonly allow: readonly string[] }) =>
    `method ${method} not allowed for this path: use ${allow.join(' or ')}`,
});

export const notServing = defineError({
  reason: 'NOT_SERVING',
  code: Status.UNAVAILABLE,
  means: 'HTTP: the process of the edge drains, or one of its databases cannot be written; only for `/api/health`',
  fix: 'call another process; its log and `ListHealth` have the reason',
  text: 'this process is not serving: use another one',
});

export const unsupportedMediaType = defineError({
  reason: 'UNSUPPORTED_MEDIA_TYPE',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the body is not JSON in UTF-8',
  fix: 'send `content-type: application/json`',
  text: 'unsupported media type: send the body as application/json in UTF-8',
});

export const bodyTooLarge = defineError({
  reason: 'BODY_TOO_LARGE',
  code: Status.OUT_OF_RANGE,
  means: 'HTTP: the body of a request is larger than 4 MiB',
  fix: 'send less at a time',
  text: ({ maxBytes }: { readonly maxBytes: number }) => `body is larger than ${maxBytes} bytes: send less at a time`,
});

export const headersTooLarge = defineError({
  reason: 'HEADERS_TOO_LARGE',
  code: Status.OUT_OF_RANGE,
  means: 'HTTP: the request line and the headers of a request are larger than 16 KiB',
  fix: 'send less, or send it in the body',
  text: 'request line and headers are larger than 16 KiB: send less, or send it in the body',
});

export const urlTooLong = defineError({
  reason: 'URL_TOO_LONG',
  code: Status.OUT_OF_RANGE,
  means: 'HTTP: the path and query of a request alone are larger than 16 KiB, such as those of a long list of ids',
  fix: 'send less at a time, or call the method by Connect, with POST',
  text: 'path and query are larger than 16 KiB: send less at a time, or call the method by Connect, with POST',
});

export const malformedHttp = defineError({
  reason: 'MALFORMED_HTTP',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the request violates the protocol, or its body is shorter than announced or not UTF-8',
  fix: 'fix the client',
  text: ({ problem }: { readonly problem: string }) => `malformed HTTP request (${problem}): fix the client`,
  metadata: () => ({}),
});

export const plainHttp = malformedHttp.variant({
  text: 'this port speaks HTTPS, not HTTP: call it as https://',
});

export const expectationFailed = defineError({
  reason: 'EXPECTATION_FAILED',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the header `Expect` asks for something other than `100-continue`',
  fix: 'send it without',
  text: 'unknown expectation: send Expect only with 100-continue',
});

export const requestTooSlow = defineError({
  reason: 'REQUEST_TOO_SLOW',
  code: Status.DEADLINE_EXCEEDED,
  means: 'HTTP: the request did not arrive completely within its time; the call was not started',
  fix: 'send it faster',
  text: 'the request did not arrive completely in time: send it faster',
});

export const answerTooLarge = defineError({
  reason: 'ANSWER_TOO_LARGE',
  code: Status.INTERNAL,
  means: 'HTTP: the answer of the service is larger than 4 MiB; the call may have taken effect',
  fix: 'request less at a time',
  text: ({ path }: { readonly path: string }) =>
    `the answer of ${path} is larger than a message may be: request less at a time`,
  metadata: () => ({}),
});
export const tooManyConnections = defineError({
  reason: 'TOO_MANY_CONNECTIONS',
  code: Status.UNAVAILABLE,
  means: 'HTTP: `HTTP_MAX_CONNECTIONS` are open',
  fix: 'retry later; use few connections for many requests; look for who has so many',
  text: ({ max }: { readonly max: number }) => `all ${max} connections of this process are in use: retry later`,
  metadata: () => ({}),
});

export const tooManyOfAddress = defineError({
  reason: 'TOO_MANY_CONNECTIONS_OF_ADDRESS',
  code: Status.UNAVAILABLE,
  means: 'HTTP: the address of the caller has `HTTP_MAX_CONNECTIONS_PER_ADDRESS` open',
  fix: 'retry later, on few connections for many requests; raise the setting behind a proxy, whose callers all have its address',
  text: ({ max }: { readonly max: number }) =>
    `all ${max} connections of your address are in use: use few connections for many requests`,
  metadata: () => ({}),
});

import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { requestIdReused } from '../../idempotency/errors.ts';

const invalidHeaderText = defineError({
  reason: 'INVALID_HEADER',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: a header of the request is not valid; the violation names it',
  fix: 'send what the violation says',
  text: ({ header, problem }: { readonly header: string; readonly problem: string }) =>
    `invalid header ${header}: ${problem}`,
  metadata: () => ({}),
});

/** Refuses a request with the header that is not valid: INVALID_ARGUMENT `INVALID_HEADER`. */
export const invalidHeader = Object.assign(
  (header: string, problem: string): MeshError =>
    invalidHeaderText({ header, problem }, { violations: [{ field: header, description: problem }] }),
  { ...invalidHeaderText },
);

const contradictionText = defineError({
  reason: 'HEADER_CONTRADICTS_BODY',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: a header of the request, and a field of its message, say different things',
  fix: 'send one of them',
  text: ({ header, field }: { readonly header: string; readonly field: string }) =>
    `the header ${header} contradicts the field ${field}: send one of them`,
});

/** Refuses a request whose header and field differ: INVALID_ARGUMENT `HEADER_CONTRADICTS_BODY`. */
export const headerContradictsBody = Object.assign(
  (header: string, field: string): MeshError =>
    contradictionText(
      { header, field },
      { violations: [{ field, description: `must be what the header ${header} says, or be left out` }] },
    ),
  { ...contradictionText },
);

export const idempotencyKeyMissing = defineError({
  reason: 'IDEMPOTENCY_KEY_MISSING',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the method moves money or goods, and nothing would keep a repeated request from doing so twice',
  fix: 'send an `Idempotency-Key`, a new UUID for each change, and the same one when you repeat it',
  text: ({ path }: { readonly path: string }) =>
    `${path} needs an Idempotency-Key: send a new UUID for each change, and the same one when you repeat it`,
  metadata: () => ({}),
});

/** The service knows only the `request_id` that the key stands for, which its caller has not sent. */
export const idempotencyKeyReused = requestIdReused.variant({
  text: ({ path, key }: ReusedKey) =>
    `Idempotency-Key ${key} was already used for a different request to ${path}: repeat that request unchanged or use a new key`,
  metadata: ({ metadata }) => metadata,
});

interface ReusedKey {
  /** The method: `/payment.v1.AccountService/Deposit`. */
  readonly path: string;
  /** As it was sent. */
  readonly key: string;
  /** That of the service. */
  readonly metadata: MeshError['metadata'];
}

export const idempotencyKeyInUse = defineError({
  reason: 'IDEMPOTENCY_KEY_IN_USE',
  code: Status.ABORTED,
  means: 'HTTP: a request with this `Idempotency-Key` is still in progress',
  fix: 'repeat it after the time in `Retry-After`: it then gets the first answer',
  text: ({ path }: { readonly path: string }) =>
    `a request to ${path} with this Idempotency-Key is still in progress: repeat it to get its answer`,
  metadata: () => ({}),
});

export const preconditionFailed = defineError({
  reason: 'PRECONDITION_FAILED',
  code: Status.FAILED_PRECONDITION,
  means: 'HTTP: the condition in the header cannot hold for this request; the call was not started',
  fix: 'see the text',
  text: ({ header, problem }: { readonly header: string; readonly problem: string }) => `${header}: ${problem}`,
  metadata: ({ header }) => ({ header }),
});

export const notAcceptable = defineError({
  reason: 'NOT_ACCEPTABLE',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the answer has none of the types, or codings, that the request accepts; the call was not started',
  fix: 'accept one of those that the text names',
  text: ({ header, offered }: { readonly header: string; readonly offered: readonly string[] }) =>
    `${header} excludes what there is: accept ${offered.join(' or ')}`,
});

export const unsupportedCoding = defineError({
  reason: 'UNSUPPORTED_CONTENT_ENCODING',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the body is compressed in a way that the server does not know',
  fix: 'compress it with gzip, or not at all',
  text: 'unsupported content-encoding: compress the body with gzip, or not at all',
});

export const malformedCoding = defineError({
  reason: 'MALFORMED_CONTENT_ENCODING',
  code: Status.INVALID_ARGUMENT,
  means: 'HTTP: the body is not what its `content-encoding` says, or is cut off',
  fix: 'fix the client',
  text: 'the body is not valid gzip: compress all of it, once',
});

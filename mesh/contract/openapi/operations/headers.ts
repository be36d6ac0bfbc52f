import { type DescMessage, type DescMethod, ScalarType } from '@bufbuild/protobuf';
import type { CallPolicy } from '../../plugin/policy.ts';
import type { Header, Parameter, Reference } from '../document.ts';
import type { HttpBinding } from '../http-bindings.ts';

const uuid = '01997a3e-7c1a-7b52-9d3e-2f6a8c4b1d07';
const entityTag = { type: 'string', pattern: '^(W/)?"[^"]*"$', examples: ['"1"'] } as const;
const seconds = { type: 'integer', minimum: 0, examples: [1] } as const;

/** The headers that requests may have. */
export const headerParameters: Readonly<Record<string, Parameter>> = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'A new UUID, or another text of up to 255 visible characters, for each change. A request that repeats it gets the ' +
      'first answer, for at least 7 days. It is the `request_id` of the contract.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-+\\--~]+$', examples: [uuid] },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'Change the resource only if it still has this `ETag`; otherwise the status is 412.',
    schema: { ...entityTag, pattern: '^"[^"]*"$' },
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'Answer with 304, and without a body, if the resource still has this `ETag`.',
    schema: entityTag,
  },
  LastEventId: {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'With `text/event-stream`: the `id` of the last event received. The stream resumes after it.',
    schema: { type: 'string', minLength: 1, examples: ['1'] },
  },
  RequestId: {
    name: 'x-request-id',
    in: 'header',
    description: 'Identifies the request in logs and in its answer. Generated if it is missing or not valid.',
    schema: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,128}$', examples: ['checkout-4711'] },
  },
  RequestTimeout: {
    name: 'Request-Timeout',
    in: 'header',
    description: 'How long the caller waits, in seconds. Then the call is cancelled and the status is 504.',
    schema: { type: 'string', pattern: '^[0-9]{1,6}(\\.[0-9]{1,6})?$', examples: ['2.5'] },
  },
};

/** The headers that answers may have. */
export const responseHeaders: Readonly<Record<string, Header>> = {
  ETag: { description: 'The version of the resource, for `If-Match` and `If-None-Match`.', schema: entityTag },
  RateLimit: {
    description: 'How many more requests this caller may have in progress (draft-ietf-httpapi-ratelimit-headers).',
    schema: { type: 'string', examples: ['"concurrency";r=63'] },
  },
  RateLimitPolicy: {
    description: 'How many requests a caller may have in progress.',
    schema: { type: 'string', examples: ['"concurrency";q=64;qu="concurrent-requests"'] },
  },
  RetryAfter: { description: 'Seconds to wait before the next attempt.', schema: seconds },
  RequestId: { description: 'Identifies the request in logs.', schema: { type: 'string', examples: [uuid] } },
};

/** What a method does with the headers of a request. */
export interface MethodHeaders {
  readonly hasRequestId: boolean;
  readonly requiresKey: boolean;
  /** Where the request has the etag that its resource must still have: `user.etag`. */
  readonly requestEtag: string | undefined;
  readonly hasResponseEtag: boolean;
  readonly isResumable: boolean;
}

/** Reads which headers the requests of a binding may have. */
export function methodHeaders({ method, verb }: HttpBinding, policy: CallPolicy): MethodHeaders {
  const isUnary = method.methodKind === 'unary';
  return {
    hasRequestId: isText(method.input, 'request_id') && policy.idempotency !== 'no-side-effects',
    requiresKey: policy.idempotencyKeyRequired === true,
    requestEtag: requestEtag(method, verb),
    hasResponseEtag: isUnary && isText(method.output, 'etag'),
    isResumable: !isUnary,
  };
}

/** Returns the parameters for the headers of a request. */
export function requestHeaders(headers: MethodHeaders, verb: string): (Parameter | Reference)[] {
  const { hasRequestId, requiresKey, requestEtag: etag, hasResponseEtag, isResumable } = headers;
  const { IdempotencyKey } = headerParameters;
  return [
    ...(hasRequestId && requiresKey && IdempotencyKey ? [{ ...IdempotencyKey, required: true }] : []),
    ...(hasRequestId && !requiresKey ? [parameter('IdempotencyKey')] : []),
    ...(etag === undefined ? [] : [parameter('IfMatch')]),
    ...(verb === 'get' && hasResponseEtag ? [parameter('IfNoneMatch')] : []),
    ...(isResumable ? [parameter('LastEventId')] : []),
    parameter('RequestTimeout'),
    parameter('RequestId'),
  ];
}

function parameter(name: keyof typeof headerParameters): Reference {
  return { $ref: `#/components/parameters/${name}` };
}

/** An update has the etag in its resource, others in their request. A method that creates a resource ignores it. */
function requestEtag({ input, output }: DescMethod, verb: string): string | undefined {
  if (isText(input, 'etag')) return 'etag';
  if (verb !== 'patch' && verb !== 'put') return undefined;
  const resource = input.fields.find((field) => field.fieldKind === 'message' && field.message === output);
  return resource && isText(output, 'etag') ? `${resource.name}.etag` : undefined;
}

function isText({ fields }: DescMessage, name: string): boolean {
  return fields.some((field) => field.name === name && field.scalar === ScalarType.STRING);
}

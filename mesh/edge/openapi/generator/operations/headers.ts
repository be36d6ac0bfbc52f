import type { Registry } from '@bufbuild/protobuf';
import type { AccessRule } from '../../../../contract/contract.ts';
import { accessOf } from '../../../../contract/policy/access.ts';
import { readPolicy } from '../../../../contract/policy/policy.ts';
import { resumeOf } from '../../../../contract/policy/resume.ts';
import type { HttpRoute } from '../../../rules/http-routes.ts';
import { requestEtag, responseEtag } from '../../../semantics/etag-fields.ts';
import { idempotencyKeyHeader } from '../../../semantics/idempotency-key.ts';
import type { Header, Parameter, Reference } from '../document.ts';

const uuid = '01997a3e-7c1a-7b52-9d3e-2f6a8c4b1d07';
const entityTag = { type: 'string', pattern: '^(W/)?"[!#-~]+"$', examples: ['"1"'] } as const;

const idempotencyKey: Parameter = {
  name: idempotencyKeyHeader,
  in: 'header',
  description:
    'A new UUID, or another text of up to 255 visible ASCII characters, for each change. A request that repeats it gets ' +
    'the first answer, for at least 7 days. It is the `request_id` of the contract.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!#-+\\--[\\]-~]+$', examples: [uuid] },
};

/** The headers that requests may have. */
export const headerParameters = {
  IdempotencyKey: idempotencyKey,
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'Change the resource only if it still has this `ETag`; otherwise the status is 412.',
    schema: { ...entityTag, pattern: '^"[!#-~]+"$' },
  },
  IfMatchOfRead: {
    name: 'If-Match',
    in: 'header',
    description: 'Answer with 412 if the resource no longer has this `ETag`.',
    schema: { ...entityTag, pattern: '^"[!#-~]+"$' },
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
  RequestReason: {
    name: 'Request-Reason',
    in: 'header',
    description:
      'Why an operator or admin makes the change, which is recorded: needed from whoever may make it by a role alone, ' +
      'unless a field `reason` or `note` of the request says so. At most 500 characters; others than printable ASCII ' +
      'are percent-encoded UTF-8.',
    schema: { type: 'string', minLength: 1, examples: ['Refund for ticket 4711'] },
  },
  RequestTimeout: {
    name: 'Request-Timeout',
    in: 'header',
    description:
      'How long the caller waits, in seconds. Then the call is cancelled and the status is 504. At most 300, for a stream ' +
      '86400: more counts as that.',
    schema: {
      type: 'string',
      pattern: '^([1-9][0-9]{0,5}(\\.[0-9]{1,6})?|0\\.[0-9]{0,5}[1-9])$',
      examples: ['2.5'],
    },
  },
} as const satisfies Record<string, Parameter>;

/** The headers that answers may have. */
export const responseHeaders: Readonly<Record<string, Header>> = {
  Allow: { description: 'The HTTP methods of the path.', schema: { type: 'string', examples: ['GET,HEAD'] } },
  ETag: { description: 'The version of the resource, for `If-Match` and `If-None-Match`.', schema: entityTag },
  RateLimit: {
    description: 'How many more requests this caller may have in progress (draft-ietf-httpapi-ratelimit-headers).',
    schema: { type: 'string', examples: ['"concurrency";r=63'] },
  },
  RateLimitPolicy: {
    description: 'How many requests a caller may have in progress.',
    schema: { type: 'string', examples: ['"concurrency";q=64;qu="concurrent-requests"'] },
  },
  RetryAfter: {
    description: 'Seconds to wait before the next attempt.',
    schema: { type: 'integer', minimum: 0, examples: [1] },
  },
  WwwAuthenticate: {
    description: 'Says that a bearer token is needed, and whether that of the request is not valid (RFC 6750).',
    schema: { type: 'string', examples: ['Bearer realm="ordermesh", error="invalid_token"'] },
  },
  RequestId: { description: 'Identifies the request in logs.', schema: { type: 'string', examples: [uuid] } },
};

/** The headers that the requests of a route may have, and what they mean. */
export interface RouteHeaders {
  /** Whether `Idempotency-Key` identifies a change. */
  readonly hasKey: boolean;
  readonly requiresKey: boolean;
  /** Whether `If-Match` makes a change conditional. */
  readonly hasIfMatch: boolean;
  /** Whether it looks at `If-Match` and `If-None-Match`: all but streams that are read. */
  readonly hasConditions: boolean;
  /** Whether answers have an `ETag`. */
  readonly hasEtag: boolean;
  readonly isGet: boolean;
  readonly isResumable: boolean;
  /** Whether it makes a change that operators have to explain. */
  readonly hasReason: boolean;
  /** The fields of the request that they give, so a query need not. */
  readonly fields: readonly string[];
}

/** Reads which headers the requests of a route may have. */
export function headersOf({ method, verb, responseBody }: HttpRoute, registry: Registry): RouteHeaders {
  const { idempotency, idempotencyKeyRequired = false } = readPolicy(method, registry);
  const isUnary = method.methodKind === 'unary';
  const requestId = isUnary && idempotency !== 'no-side-effects' ? method.input.field.requestId : undefined;
  const etag = requestEtag(method, verb);
  const isGet = verb === 'GET';
  return {
    hasKey: requestId !== undefined,
    requiresKey: idempotencyKeyRequired,
    hasIfMatch: etag !== undefined && !isGet,
    hasConditions: isUnary || !isGet,
    hasEtag: isUnary && responseBody === undefined && responseEtag(method.output) !== undefined,
    isGet,
    isResumable: resumeOf(method, registry) !== undefined,
    hasReason: idempotency !== 'no-side-effects' && isForRoles(accessOf(method, registry)),
    fields: [...(requestId ? [requestId.name] : []), ...(etag && !isGet ? [etag.path] : [])],
  };
}

/** Whether some may call a method because of their role, and not everyone. */
function isForRoles({ anyone = false, roles = [] }: Pick<AccessRule, 'anyone' | 'roles'> = {}): boolean {
  return !anyone && roles.length > 0 && !roles.includes('*');
}

/** Returns the parameters for the headers of a request. */
export function requestHeaders(headers: RouteHeaders): (Parameter | Reference)[] {
  const { hasKey, requiresKey, hasIfMatch, hasEtag, isGet, isResumable, hasReason } = headers;
  return [
    ...(hasKey ? [requiresKey ? { ...idempotencyKey, required: true } : parameter('IdempotencyKey')] : []),
    ...(hasIfMatch ? [parameter('IfMatch')] : []),
    ...(isGet && hasEtag ? [parameter('IfMatchOfRead'), parameter('IfNoneMatch')] : []),
    ...(isResumable ? [parameter('LastEventId')] : []),
    ...(hasReason ? [parameter('RequestReason')] : []),
    parameter('RequestTimeout'),
    parameter('RequestId'),
  ];
}

function parameter(name: keyof typeof headerParameters): Reference {
  return { $ref: `#/components/parameters/${name}` };
}

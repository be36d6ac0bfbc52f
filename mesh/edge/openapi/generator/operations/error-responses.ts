import { STATUS_CODES } from 'node:http';
import { Status } from 'nice-grpc-common';
import { ContractError } from '../../../../contract/contract-error.ts';
import { httpStatusOf } from '../../../http-status.ts';
import { problemType } from '../../../problem.ts';
import type { NamedError } from '../comments.ts';
import type { Header, Reference, Response } from '../document.ts';

const problem = { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } };

/** What each status says, whatever the method. */
const meanings: Readonly<Record<number, string>> = {
  400: 'The request violates a rule of its contract; `violations` names each field.',
  401: 'The server needs a token, and the request has none, or one that is not valid.',
  403: 'The caller may not do this, or a page of an origin that the server does not allow has sent the request.',
  404: 'No method has this path.',
  405: 'The path exists, but not with this HTTP method. `Allow` names those that it has.',
  406: 'The answer has none of the types that `Accept` allows, or of the codings of `Accept-Encoding`.',
  408: 'The request did not arrive completely in time.',
  409: 'A request with this `Idempotency-Key` is still in progress, or another change came first. Repeat it.',
  412: 'The condition in `If-Match` or `If-None-Match` does not hold, or cannot be kept by this method.',
  413: 'The request is too large.',
  414: 'The path and the query are larger than 16 KiB. Send less at a time.',
  415: 'The body is not JSON in UTF-8, or is compressed in a way other than gzip.',
  417: 'The header `Expect` asks for something other than `100-continue`.',
  421: 'The host of the request is not one of the names of the server.',
  422: 'The `Idempotency-Key` belongs to another request.',
  429: 'Too many requests are in progress. Wait as long as `Retry-After` says.',
  431: 'The request line and the headers are too large.',
  500: 'An unexpected error; the log of the server has it under the request id.',
  501: 'The service does not have the method.',
  503: 'The service is away for the moment. Wait as long as `Retry-After` says.',
  504: 'The call did not finish in time. It may have taken effect.',
};

/** The statuses that every operation may have; 405 is for the HTTP methods that its path does not have. */
const ofEveryCall = [400, 404, 405, 406, 408, 417, 421, 429, 431, 500, 501, 503, 504];

/** What of an operation decides which statuses it may have, besides its own errors. */
export interface ErrorTraits {
  readonly isGet: boolean;
  /** Whether nobody needs a token for it. */
  readonly isForAnyone: boolean;
  readonly hasBody: boolean;
  /** Whether it is a change with an `Idempotency-Key`. */
  readonly hasKey: boolean;
  /** Whether it is a change with an `If-Match`. */
  readonly hasIfMatch: boolean;
  /** Whether it looks at `If-Match` and `If-None-Match`, if only to refuse them. */
  readonly hasConditions: boolean;
}

/** The responses that operations share, by the name of their status. */
export function sharedResponses(): Record<string, Response> {
  return Object.fromEntries(
    Object.keys(meanings).map((status) => [nameOf(Number(status)), response(Number(status), [])]),
  );
}

/** Returns the error responses of an operation: those that every call may have, and those that its comment names. */
export function errorResponses(
  errors: readonly NamedError[],
  traits: ErrorTraits,
  where: string,
): Record<string, Response | Reference> {
  const own = Map.groupBy(
    errors.flatMap((error) =>
      error.reasons.map((reason) => ({ ...error, status: statusOf(error.code, reason, where) })),
    ),
    ({ status }) => status,
  );
  const statuses = new Set([
    ...ofEveryCall,
    401,
    ...(traits.isGet && traits.isForAnyone ? [] : [403]),
    ...(traits.hasBody ? [413, 415] : [414]),
    ...(traits.hasKey ? [409, 422] : []),
    ...(traits.hasIfMatch ? [409] : []),
    ...(traits.hasConditions ? [412] : []),
    ...own.keys(),
  ]);
  return Object.fromEntries(
    [...statuses]
      .sort((one, other) => one - other)
      .map((status) => {
        const named = own.get(status);
        const shared = { $ref: `#/components/responses/${nameOf(status)}` };
        return [String(status), named === undefined ? shared : response(status, named)];
      }),
  );
}

function response(status: number, errors: readonly NamedError[]): Response {
  const lines = [...new Set(errors.map(({ text }) => `- ${text}`))];
  const meaning = meanings[status] ?? STATUS_CODES[status] ?? 'An error.';
  return {
    description: lines.length === 0 ? meaning : `${lines.join('\n')}\n- Otherwise: ${meaning}`,
    headers: errorHeaders(status),
    content: problem,
    ...(errors.length > 0 && { 'x-reasons': [...new Set(errors.flatMap(({ reasons }) => reasons))] }),
  };
}

function errorHeaders(status: number): Record<string, Header | Reference> {
  const mayRetry = status === 409 || status === 429 || status === 503;
  return {
    'x-request-id': { $ref: '#/components/headers/RequestId' },
    ...(status === 401 && { 'WWW-Authenticate': { $ref: '#/components/headers/WwwAuthenticate' } }),
    ...(status === 405 && { Allow: { $ref: '#/components/headers/Allow' } }),
    ...(mayRetry && { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }),
  };
}

function statusOf(name: string, reason: string, where: string): number {
  const code = Object.entries(Status).find(([each]) => each === name)?.[1];
  if (typeof code === 'number') return httpStatusOf({ code, reason });
  throw new ContractError(where, `its comment names the error code ${name}, which gRPC does not have`);
}

/** `404` → `NotFound`. */
function nameOf(status: number): string {
  return (STATUS_CODES[status] ?? `Status ${status}`).replaceAll(/[^A-Za-z]/g, '');
}

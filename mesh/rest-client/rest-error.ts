import { Status } from 'nice-grpc-common';
import { CallError } from '../client/call-error.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createTextCleaner } from './foreign-text.ts';
import { readProblem } from './problem.ts';
import { parseBody, plainText, type RawResponse } from './response-body.ts';
import { readRetryAfter } from './retry-after.ts';
import { codeOfStatus } from './status-codes.ts';

/** What identifies a call in its errors. */
export interface RestCall {
  readonly method: string;
  /** Below the base URL and without the query: `/orders/1`. */
  readonly path: string;
  /** The name of the client. */
  readonly service: string;
  readonly requestId: string;
  /** Values of headers that no text may repeat. */
  readonly secrets: readonly string[];
}

/** Returns what error texts call it. */
export function nameOf({ method, path, service }: RestCall): { readonly call: string; readonly service: string } {
  return { call: `${method} ${path}`, service };
}

/**
 * The error of a REST call: a MeshError with the code for its HTTP status and, if the server sent a problem (RFC 9457), its
 * reason, metadata and violations; or with what failed on the way. Like a CallError of gRPC it is not passed on to the own
 * caller if it is a refusal. Apart from `body` it holds no credentials, and of each text of a body at most 1,000 bytes.
 */
export class RestError extends CallError {
  readonly method: string;
  /** The HTTP status; `undefined` if there was no complete response. */
  readonly status: number | undefined;
  /** The id of the call in the logs of both sides. */
  readonly requestId: string;
  readonly #body: unknown;

  constructor({ method, path, requestId }: RestCall, error: MeshError, response?: FailedResponse) {
    super(path, error);
    this.method = method;
    this.status = response?.status;
    this.requestId = response?.requestId ?? requestId;
    this.#body = response?.json;
  }

  /** The body of the response if it is JSON. Not a field, so that no log has it. */
  get body(): unknown {
    return this.#body;
  }
}

interface FailedResponse {
  readonly status: number;
  readonly requestId?: string | undefined;
  readonly json?: unknown;
}

const maxTextBytes = 1_000;
const maxIdBytes = 128;

/** Returns the error for a response whose status is not expected. */
export function failedResponse(call: RestCall, response: RawResponse): RestError {
  const { status, headers } = response;
  const parsed = parseBody(response);
  const json = 'json' in parsed ? parsed.json : undefined;
  const clean = createTextCleaner(call.secrets);
  const problem = readProblem(json, clean);
  const code = problem.code ?? codeOfStatus(status);
  const detail = problem.detail || clean(plainText(response), maxTextBytes);
  const said = `${call.method} ${call.path}: ${call.service} answered HTTP ${status}`;
  const retryAfterMs = readRetryAfter(headers['retry-after'], headers.date) ?? problem.retryAfterMs;
  const error = new MeshError(
    code,
    problem.reason || (Status[code] ?? 'UNKNOWN'),
    detail ? `${said}: ${detail}` : said,
    {
      metadata: problem.metadata,
      violations: problem.violations,
      publicText: `a service answered HTTP ${status}: ${status >= 500 || status === 429 ? 'call again later' : 'check the request'}`,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  );
  const requestId = headers['x-request-id'] ?? problem.requestId;
  return new RestError(call, error, { status, json, requestId: requestId && clean(requestId, maxIdBytes) });
}

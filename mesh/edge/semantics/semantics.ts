import type { IncomingHttpHeaders } from 'node:http';
import type { Message } from '@bufbuild/protobuf';
import type { CallPolicy } from '../../contract/policy/policy.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import { responseEtag } from './etag-fields.ts';
import type { KeysInUse } from './keys-in-use.ts';
import { compilePreconditions } from './preconditions.ts';
import { compileIdentity, type IdentifiedMethod } from './request-identity.ts';
import { maxStreamTimeoutMs, maxUnaryTimeoutMs, readRequestTimeout } from './request-timeout.ts';

/** A method as the edge calls it. */
interface CalledMethod extends IdentifiedMethod {
  readonly policy: CallPolicy;
}

/** What the headers of HTTP mean to the requests of one route. */
export interface Semantics {
  /** How long a call may take: the header `Request-Timeout`, or the method's own. Throws INVALID_ARGUMENT `INVALID_HEADER`. */
  timeoutMs(headers: IncomingHttpHeaders): number | undefined;
  /**
   * Reads the headers that a request of this route may have, before anything is called. Puts an `Idempotency-Key` into `request_id`, and
   * an `If-Match` into the etag. Throws INVALID_ARGUMENT and FAILED_PRECONDITION.
   */
  begin(request: Message, headers: IncomingHttpHeaders): Exchange;
}

/** A request whose headers were read. */
export interface Exchange {
  /** Headers of the answer, also if it is a problem. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a stale etag came from the header `If-Match`. */
  readonly isIfMatch: boolean;
  /** Makes the call. Throws ABORTED `IDEMPOTENCY_KEY_IN_USE` while another with its key runs. */
  run(call: (request: Message) => Promise<Message>): Promise<Message>;
  /** Returns the etag of a response, empty if it has none, and whether the caller has that response already. */
  validate(response: Message): { readonly etag: string; readonly isNotModified: boolean };
}

/** Compiles the semantics of a route. `keys` are those in use at this edge. */
export function compileSemantics(
  { method, verb, responseBody }: Pick<HttpRoute, 'method' | 'verb' | 'responseBody'>,
  called: CalledMethod,
  keys: KeysInUse,
): Semantics {
  const identity = compileIdentity(method, called, keys);
  const readPreconditions = compilePreconditions(method, verb);
  const etagOf = responseBody === undefined ? responseEtag(method.output) : undefined;
  const maxTimeoutMs = method.methodKind === 'unary' ? maxUnaryTimeoutMs : maxStreamTimeoutMs;

  return {
    timeoutMs: (headers) =>
      readRequestTimeout(headers['request-timeout'] as string | undefined, maxTimeoutMs) ?? called.policy.timeoutMs,
    begin(request, headers) {
      const conditions = readPreconditions(request, headers);
      return {
        headers: identity.identify(request, headers),
        isIfMatch: conditions.isIfMatch,
        run: (call) => identity.run(request, headers, () => conditions.run(call, request)),
        validate(response) {
          const etag = etagOf?.(response) ?? '';
          return { etag, isNotModified: conditions.isNotModified(etag) };
        },
      };
    },
  };
}

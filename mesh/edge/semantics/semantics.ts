import type { IncomingHttpHeaders } from 'node:http';
import { type DescMethod, type Message, ScalarType } from '@bufbuild/protobuf';
import type { CallPolicy } from '../../contract/policy/policy.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import { headerContradictsBody, idempotencyKeyMissing } from './errors.ts';
import { responseEtag } from './etag-fields.ts';
import { idempotencyKeyHeader, requestIdOfKey } from './idempotency-key.ts';
import type { KeysInUse } from './keys-in-use.ts';
import { compilePreconditions } from './preconditions.ts';
import { maxStreamTimeoutMs, maxUnaryTimeoutMs, readRequestTimeout } from './request-timeout.ts';

/** A method as the edge calls it. */
interface CalledMethod {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
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

const noHeaders: Readonly<Record<string, string>> = {};

/** Compiles the semantics of a route. `keys` are those in use at this edge. */
export function compileSemantics(
  { method, verb, responseBody }: Pick<HttpRoute, 'method' | 'verb' | 'responseBody'>,
  { path, policy }: CalledMethod,
  keys: KeysInUse,
): Semantics {
  const requestId = requestIdField(method);
  const readPreconditions = compilePreconditions(method, verb);
  const etagOf = responseBody === undefined ? responseEtag(method.output) : undefined;
  const maxTimeoutMs = method.methodKind === 'unary' ? maxUnaryTimeoutMs : maxStreamTimeoutMs;

  /** Sets the `request_id` of a change from its header; returns the headers of the answer. */
  function identify(request: Message, headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
    if (requestId === undefined) return noHeaders;
    const key = headers['idempotency-key'] as string | undefined;
    const given = Reflect.get(request, requestId.localName) as string;
    if (key === undefined) {
      if (given === '' && policy.idempotencyKeyRequired) throw idempotencyKeyMissing({ path });
      return noHeaders;
    }
    const id = requestIdOfKey(key, path);
    if (given !== '' && given.toLowerCase() !== id) throw headerContradictsBody(idempotencyKeyHeader, requestId.name);
    Reflect.set(request, requestId.localName, id);
    return { 'idempotency-key': key };
  }

  return {
    timeoutMs: (headers) =>
      readRequestTimeout(headers['request-timeout'] as string | undefined, maxTimeoutMs) ?? policy.timeoutMs,
    begin(request, headers) {
      const conditions = readPreconditions(request, headers);
      const answerHeaders = identify(request, headers);
      const id = requestId && (Reflect.get(request, requestId.localName) as string);
      const change = (call: (request: Message) => Promise<Message>) => conditions.run(call, request);
      return {
        headers: answerHeaders,
        isIfMatch: conditions.isIfMatch,
        run: (call) => (id ? keys.run(path, id, () => change(call)) : change(call)),
        validate(response) {
          const etag = etagOf?.(response) ?? '';
          return { etag, isNotModified: conditions.isNotModified(etag) };
        },
      };
    },
  };
}

/** The field that identifies a change; `undefined` if the method has none, and then an `Idempotency-Key` is ignored. */
function requestIdField({ input, methodKind }: DescMethod) {
  const field = input.field.requestId;
  return methodKind === 'unary' && field?.scalar === ScalarType.STRING ? field : undefined;
}

import type { IncomingHttpHeaders } from 'node:http';
import { type DescField, type DescMethod, type Message, ScalarType } from '@bufbuild/protobuf';
import type { CallPolicy } from '../../contract/policy/policy.ts';
import { requestIdReused } from '../../idempotency/errors.ts';
import { headerContradictsBody, idempotencyKeyMissing, idempotencyKeyReused } from './errors.ts';
import { idempotencyKeyHeader, requestIdOfKey } from './idempotency-key.ts';
import type { KeysInUse } from './keys-in-use.ts';

/** A method as the edge calls it. */
export interface IdentifiedMethod {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  readonly policy: Pick<CallPolicy, 'idempotencyKeyRequired'>;
}

/** How the requests of a method are identified: by their `request_id`, or the header `Idempotency-Key` in its place. */
export interface RequestIdentity {
  /**
   * Sets the `request_id` of a request from its header. Returns the headers of the answer. Throws INVALID_ARGUMENT
   * `INVALID_HEADER`, `HEADER_CONTRADICTS_BODY`, and `IDEMPOTENCY_KEY_MISSING` if it has neither and its contract requires one.
   */
  identify(request: Message, headers: IncomingHttpHeaders): Readonly<Record<string, string>>;
  /**
   * Makes the call of a request with these headers. Throws ABORTED `IDEMPOTENCY_KEY_IN_USE` while another with its `request_id`
   * runs, and names the header in ALREADY_EXISTS `REQUEST_ID_REUSED` if that has given the id.
   */
  run<Answer>(request: Message, headers: IncomingHttpHeaders, call: () => Promise<Answer>): Promise<Answer>;
}

const noHeaders: Readonly<Record<string, string>> = {};
/** Of a method whose requests have no id: an `Idempotency-Key` is ignored. */
const unidentified: RequestIdentity = { identify: () => noHeaders, run: (_request, _headers, call) => call() };

/** Compiles the identity of a method's requests. `keys` are those in use at this edge. */
export function compileIdentity(
  desc: DescMethod,
  { path, policy }: IdentifiedMethod,
  keys: KeysInUse,
): RequestIdentity {
  const field = requestIdField(desc);
  if (field === undefined) return unidentified;
  const idOf = (request: Message) => Reflect.get(request, field.localName) as string;
  return {
    identify(request, headers) {
      const key = keyOf(headers);
      const given = idOf(request);
      if (key === undefined) {
        if (given === '' && policy.idempotencyKeyRequired) throw idempotencyKeyMissing({ path });
        return noHeaders;
      }
      const id = requestIdOfKey(key, path);
      if (given !== '' && given.toLowerCase() !== id) throw headerContradictsBody(idempotencyKeyHeader, field.name);
      Reflect.set(request, field.localName, id);
      return { 'idempotency-key': key };
    },
    async run(request, headers, call) {
      const id = idOf(request);
      if (!id) return await call();
      try {
        return await keys.run(path, id, call);
      } catch (error) {
        const key = keyOf(headers);
        if (key === undefined || !requestIdReused.is(error)) throw error;
        throw idempotencyKeyReused({ path, key, metadata: error.metadata }, { cause: error });
      }
    },
  };
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  return headers['idempotency-key'] as string | undefined;
}

function requestIdField({ input, methodKind }: DescMethod): DescField | undefined {
  const field = input.field.requestId;
  return methodKind === 'unary' && field?.scalar === ScalarType.STRING ? field : undefined;
}

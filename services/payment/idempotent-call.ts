import type { Idempotency, MeshCallContext, RepeatableMethod, TransactingCall } from '#mesh';

/** The context of a call that takes effect once per `request_id`. */
export function idempotentCall<Request extends { requestId: string }, Response>(
  idempotency: Idempotency,
  method: RepeatableMethod<Request, Response>,
  request: Request,
  { requestId, signal }: Pick<MeshCallContext, 'requestId' | 'signal'>,
): TransactingCall<Response> {
  return { requestId, signal, once: (work, options) => idempotency.once(method, request, work, options) };
}

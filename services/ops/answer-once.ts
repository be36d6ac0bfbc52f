import type { Idempotency, RepeatableMethod } from '#mesh';

/**
 * Answers a repeated call as it was answered first. The effect is in another database than the answer, so the answer is
 * kept after it: after a crash in between, a repeated call has its effect on what is left by then, as `effect` allows.
 */
export async function answerOnce<Request extends { requestId: string }, Response>(
  idempotency: Idempotency,
  method: RepeatableMethod<Request, Response>,
  request: Request,
  effect: () => Promise<Response>,
): Promise<Response> {
  const before = await idempotency.replay(method, request);
  if (before) return before;
  const answer = await effect();
  return await idempotency.once(method, request, async () => answer);
}

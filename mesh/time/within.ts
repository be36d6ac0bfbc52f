import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { Clock } from './clock.ts';

/**
 * Resolves as `asked` does; rejects with UNAVAILABLE `CHECK_TIMED_OUT` when that takes longer: a question that hangs says as
 * much as one that is refused.
 */
export async function within<Answer>(asked: Promise<Answer>, timeoutMs: number, clock: Clock): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const callOff = clock.after(timeoutMs, () => reject(timedOut(timeoutMs)));
  try {
    return await Promise.race([asked, late]);
  } finally {
    callOff();
  }
}

function timedOut(timeoutMs: number): MeshError {
  const text = `it took longer than ${timeoutMs} ms: look whether what it depends on answers`;
  return new MeshError(Status.UNAVAILABLE, 'CHECK_TIMED_OUT', text);
}

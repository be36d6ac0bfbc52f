import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { Clock } from './clock.ts';

/**
 * Settles as `work` does. If that takes longer than `timeoutMs`, rejects with UNAVAILABLE `CHECK_TIMED_OUT`; the work itself
 * continues.
 */
export async function within<Result>(work: Promise<Result>, timeoutMs: number, clock: Clock): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(timeoutMs, () => reject(timedOut(timeoutMs)));
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

function timedOut(timeoutMs: number): MeshError {
  const text = `it took longer than ${timeoutMs} ms: look whether what it depends on answers`;
  return new MeshError(Status.UNAVAILABLE, 'CHECK_TIMED_OUT', text);
}

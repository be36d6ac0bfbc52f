import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { Clock } from '../../../time/clock.ts';
import { judgeFault } from './reply-codes.ts';

/** How long the broker may take to answer a question. */
const answerTimeoutMs = 5_000;

/** The broker cannot do it now; the same call may succeed later. */
export function tasksUnavailable(problem: string, cause?: unknown): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'TASKS_UNAVAILABLE',
    `the task queue cannot be used now: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

/** Refuses, with INVALID_ARGUMENT `TASK_REFUSED`, a task that the broker never takes. */
export function taskRefused(id: string, problem: string, cause?: unknown): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'TASK_REFUSED',
    `task ${id.slice(0, 60)} cannot be queued: ${problem}; send it with less`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * What the broker answers. Any failure of it, and no answer within `timeoutMs` (default 5 s), is UNAVAILABLE
 * `TASKS_UNAVAILABLE`: a broker that hangs keeps its connections open.
 */
export async function answered<T>(clock: Clock, answer: Promise<T>, timeoutMs = answerTimeoutMs): Promise<T> {
  const silence = Promise.withResolvers<never>();
  const cancel = clock.after(timeoutMs, () =>
    silence.reject(tasksUnavailable(`RabbitMQ did not answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([answer, silence.promise]);
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw tasksUnavailable(judgeFault(error).text, error);
  } finally {
    cancel();
  }
}

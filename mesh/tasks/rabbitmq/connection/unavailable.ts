import { MeshError } from '../../../errors/mesh-error.ts';
import type { Clock } from '../../../time/clock.ts';
import { tasksUnavailable } from '../../errors.ts';
import { judgeFault } from './reply-codes.ts';

/** How long the broker may take to answer a question. */
const answerTimeoutMs = 5_000;

/**
 * What the broker answers. Any failure of it, and no answer within `timeoutMs` (default 5 s), is UNAVAILABLE
 * `TASKS_UNAVAILABLE`: a broker that hangs keeps its connections open.
 */
export async function answered<T>(clock: Clock, answer: Promise<T>, timeoutMs = answerTimeoutMs): Promise<T> {
  const silence = Promise.withResolvers<never>();
  const cancel = clock.after(timeoutMs, () =>
    silence.reject(tasksUnavailable({ problem: `RabbitMQ did not answer within ${timeoutMs} ms` })),
  );
  try {
    return await Promise.race([answer, silence.promise]);
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw tasksUnavailable({ problem: judgeFault(error).text }, { cause: error });
  } finally {
    cancel();
  }
}

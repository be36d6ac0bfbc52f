import { MeshError } from '../../../errors/mesh-error.ts';
import type { Clock } from '../../../time/clock.ts';
import { tasksMisconfigured, tasksUnavailable } from '../../errors.ts';
import { type BrokerFault, judgeFault } from './reply-codes.ts';

/** How long the broker may take to answer. */
const answerTimeoutMs = 5_000;

/** UNAVAILABLE `TASKS_MISCONFIGURED` if only a person can fix it, otherwise `TASKS_UNAVAILABLE`. */
export function brokerError({ kind, text: problem }: BrokerFault, details?: { readonly cause: unknown }): MeshError {
  return kind === 'wiring' ? tasksMisconfigured({ problem }, details) : tasksUnavailable({ problem }, details);
}

/**
 * Awaits an answer of the broker. Throws UNAVAILABLE `TASKS_UNAVAILABLE` or `TASKS_MISCONFIGURED` for any failure, and if there is no answer
 * within `timeoutMs` (default: 5 s), because a broker that hangs keeps its connections open.
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
    throw brokerError(judgeFault(error), { cause: error });
  } finally {
    cancel();
  }
}

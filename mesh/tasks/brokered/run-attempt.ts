import { undecodable } from '../../errors/errors.ts';
import { tasksUnavailable } from '../errors.ts';
import type { Task } from '../task-queue.ts';
import type { WorkSettings } from '../work-defaults.ts';
import { type DeliveredTask, identityOf } from './delivered-task.ts';
import type { RecentStamps } from './recent-stamps.ts';

/** How an attempt ended. */
export type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** It began elsewhere or in an earlier process, and its outcome is unknown. */
  | { readonly is: 'cut-off' };

/** What a process remembers of a broker's tasks. */
export interface AttemptMemory {
  /** The tasks that this process has done. */
  readonly done: RecentStamps;
  /** The tasks that were in progress here when the connection was lost. */
  readonly interrupted: RecentStamps;
}

export interface AttemptContext extends AttemptMemory {
  readonly settings: WorkSettings;
  /** Whether an earlier delivery has no recorded outcome. */
  readonly redelivered: boolean;
}

const interruptedText = 'the connection to the broker was lost while the task was in progress';

/** Returns a delivered task as its worker gets it. */
export function taskOf(
  { id, payload, headers, attempts }: DeliveredTask,
  { queue, maxAttempts }: Pick<WorkSettings, 'queue' | 'maxAttempts'>,
): Task {
  const attempt = attempts + 1;
  return { id, payload, headers, queue, attempt, lastAttempt: attempt >= maxAttempts };
}

/** Works on a delivered task, unless it is invalid, was done already, or was being worked on when its worker was lost. */
export async function runAttempt(
  delivered: DeliveredTask,
  task: Task,
  { settings, redelivered, done, interrupted }: AttemptContext,
  signal: AbortSignal,
): Promise<Outcome> {
  if (delivered.problem !== undefined)
    return {
      is: 'failed',
      error: undecodable({ thing: `task ${task.id} of queue ${task.queue}`, problem: delivered.problem }),
    };
  const identity = identityOf(delivered);
  if (done.has(identity)) return { is: 'done' };
  if (redelivered) {
    if (interrupted.take(identity)) return { is: 'failed', error: tasksUnavailable({ problem: interruptedText }) };
    return { is: 'cut-off' };
  }
  try {
    await settings.handle(task, signal);
    // Aborted work may have ended early: that it did not fail does not mean that it is done.
    if (!signal.aborted) done.add(identity);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}

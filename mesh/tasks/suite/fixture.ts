import { expect, onTestFinished } from 'vitest';
import type { DeadLetter } from '../../dead-letters/dead-letters.ts';
import { uuidv7 } from '../../ids/ids.ts';
import { eventually } from '../../testing/eventually.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import type { NewTask, TaskQueue } from '../task-queue.ts';

/** What an implementation does in addition to what all of them do. */
export interface TaskQueueFeatures {
  /** A queue does not accept an id again while it holds it. */
  readonly deduplicates: boolean;
  /** `depth` counts the tasks in progress. */
  readonly countsTasksInHand: boolean;
}

/** Opens task queues for tests, and closes them. */
export interface TestQueues {
  readonly features: TaskQueueFeatures;
  /** Opens the task queues, and names a queue that nobody else uses. */
  open(clock?: Clock): Promise<{ readonly tasks: TaskQueue; readonly queue: string }>;
}

/** Makes the queues of a test. `open` opens the implementation; several may use one server. */
export function testQueues(open: (clock: Clock) => Promise<TaskQueue>, features: TaskQueueFeatures): TestQueues {
  return {
    features,
    async open(clock = systemClock) {
      const tasks = await open(clock);
      onTestFinished(() => tasks.close());
      return { tasks, queue: `queue-${uuidv7()}` };
    },
  };
}

export async function deadLettersIn(tasks: TaskQueue, queue: string): Promise<DeadLetter[]> {
  return await Array.fromAsync(tasks.deadLetters.list({ origin: queue }, ''));
}

/** Resolves with the first dead letter of a queue when there is one. */
export function deadLetterOf(tasks: TaskQueue, queue: string): Promise<DeadLetter> {
  return eventually(async () => {
    const [dead] = await deadLettersIn(tasks, queue);
    return dead ?? expect.fail('no dead letter yet');
  });
}

/** Resolves when nothing waits in a queue or is in progress, at the latest after `timeoutMs`. Default: 10 s. */
export async function expectEmpty(tasks: TaskQueue, queue: string, timeoutMs = 10_000): Promise<void> {
  await eventually(async () => expect(await tasks.depth(queue)).toBe(0), { timeoutMs });
}

export function newTask(id: string): NewTask {
  return { id, payload: Buffer.from(id), headers: {} };
}

/** Returns tasks with the ids `t-0`, `t-1`, … */
export function newTasks(count: number): NewTask[] {
  return Array.from({ length: count }, (_, index) => newTask(`t-${index}`));
}

import { expect } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { type TestDatabaseFile, testDatabaseFile } from '../../../testing/database-file.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import type { Task, TaskQueue } from '../../task-queue.ts';
import { type EmbeddedTasksOptions, openEmbeddedTasks } from '../embedded-tasks.ts';

/** Makes the file of a task queue, a new one for each test of this suite. */
export function testTaskFile(): TestDatabaseFile<TaskQueue, Partial<EmbeddedTasksOptions>> {
  return testDatabaseFile('tasks.db', (path, options: Partial<EmbeddedTasksOptions> = {}) =>
    openEmbeddedTasks(path, { clock: systemClock, logger: createLogger('silent'), ...options }),
  );
}

/** Creates a task; every twentieth is large. */
export function numberedTask(index: number) {
  return {
    id: `task-${index}`,
    payload: Buffer.from(`${index}`.repeat(index % 20 === 0 ? 3000 : 20)),
    headers: { template: 'order-placed' },
  };
}

/** Returns the content of a task as text. */
export function comparable({ id, payload, headers: { template } }: Pick<Task, 'id' | 'payload' | 'headers'>): string {
  return JSON.stringify([id, Buffer.from(payload).toString(), template]);
}

/** Works on the queue until `count` tasks were delivered. Returns them as text, sorted. */
export async function workOn(from: TaskQueue, count: number): Promise<string[]> {
  const seen: string[] = [];
  const worker = await from.work({ queue: 'jobs', handle: async (one) => void seen.push(comparable(one)) });
  await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(count));
  await worker.stop();
  return seen.toSorted();
}

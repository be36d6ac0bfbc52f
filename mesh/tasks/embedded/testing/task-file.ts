import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock } from '../../../time/clock.ts';
import type { Task, TaskQueue } from '../../task-queue.ts';
import { openEmbeddedTasks } from '../embedded-tasks.ts';

/** A task queue in a file. Each test of this suite has a new file. */
export function testTaskFile() {
  let folder: TempFolder;
  let tasks: TaskQueue | undefined;
  const path = () => join(folder.path, 'tasks.db');
  const close = async () => {
    await tasks?.close();
    tasks = undefined;
  };

  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(async () => {
    await close();
    await folder[Symbol.asyncDispose]();
  });

  return {
    get folder() {
      return folder.path;
    },
    get path() {
      return path();
    },
    async open(options: Partial<Parameters<typeof openEmbeddedTasks>[1]> = {}): Promise<TaskQueue> {
      tasks = await openEmbeddedTasks(path(), { clock: systemClock, logger: createLogger('silent'), ...options });
      return tasks;
    },
    close,
    /** Closes the queue and changes the file by SQL. */
    async change(sql: string): Promise<void> {
      await close();
      const database = new DatabaseSync(path());
      database.exec(sql);
      database.close();
    },
  };
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

import { tasksUnavailable } from './errors.ts';
import type { TaskQueue } from './task-queue.ts';

/**
 * Keeps a process that has no tasks from connecting to a broker: `open` is called by the first use of the queues. Until then
 * `check` has nothing to report, unless `expectUse` was called: then it opens them, as it does after a use that could not.
 */
export function connectOnUse(open: () => Promise<TaskQueue>): TaskQueue & Required<Pick<TaskQueue, 'expectUse'>> {
  let opened: TaskQueue | undefined;
  let opening: Promise<TaskQueue> | undefined;
  let isExpected = false;
  let isClosed = false;
  const openOnce = async (): Promise<TaskQueue> => {
    try {
      opened = await open();
      return opened;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  const use = async (): Promise<TaskQueue> => {
    isExpected = true;
    if (opened) return opened;
    if (isClosed) throw tasksUnavailable({ problem: 'it is closed' });
    opening ??= openOnce();
    return await opening;
  };
  const deadLetters = async () => (await use()).deadLetters;
  return {
    enqueue: async (queue, tasks) => (await use()).enqueue(queue, tasks),
    work: async (options) => (await use()).work(options),
    depth: async (queue) => (await use()).depth(queue),
    count: async (queue) => (await use()).count(queue),
    deadLetters: {
      async *list(filter, afterId) {
        yield* (await deadLetters()).list(filter, afterId);
      },
      get: async (id) => (await deadLetters()).get(id),
      count: async () => (await deadLetters()).count(),
      redrive: async (id) => (await deadLetters()).redrive(id),
      discard: async (id, note) => (await deadLetters()).discard(id, note),
    },
    hasOpenDeadLetters: () => opened?.hasOpenDeadLetters?.() ?? false,
    expectUse() {
      isExpected = true;
    },
    async check() {
      if (isExpected && !isClosed) await (await use()).check();
    },
    async close() {
      isClosed = true;
      await opening?.catch(() => undefined);
      await opened?.close();
    },
  };
}

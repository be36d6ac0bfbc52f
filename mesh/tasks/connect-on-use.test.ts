import { describe, expect, it, vi } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { systemClock as clock } from '../time/clock.ts';
import { connectOnUse } from './connect-on-use.ts';
import { measureTasks } from './open-tasks.ts';
import type { TaskQueue } from './task-queue.ts';

const task = { id: 'a', payload: new Uint8Array(), headers: {} };

function queues() {
  const unused = () => Promise.reject(new Error('not part of this test'));
  const enqueue = vi.fn(async () => undefined);
  const close = vi.fn(async () => undefined);
  const check = vi.fn(() => Promise.reject(new Error('away')));
  const queue: TaskQueue = {
    enqueue,
    work: unused,
    depth: unused,
    count: unused,
    deadLetters: {
      async *list() {
        yield await unused();
      },
      get: unused,
      count: unused,
      redrive: unused,
      discard: unused,
    },
    check,
    close,
  };
  const open = vi.fn(async () => queue);
  return { tasks: connectOnUse(open), open, queue, enqueue, close };
}

describe('a broker of tasks', () => {
  it('is not connected by the health checks, the metrics and the end of a process that has no tasks', async () => {
    const { tasks, open } = queues();
    const { logger } = captureLog();
    const metrics = createPrometheusMetrics({ clock, logger });
    const measured = measureTasks(tasks, { metrics, clock });
    await tasks.check();
    await metrics.scrape();
    expect(await measured.backlogs()).toEqual([]);
    await tasks.close();
    expect(open).not.toHaveBeenCalled();
    await expect(tasks.enqueue('q', [task])).rejects.toMatchObject({ reason: 'TASKS_UNAVAILABLE' });
  });

  it('is connected once, no matter when others use it while it connects, then checked, and closed', async () => {
    const { tasks, open, queue, enqueue, close } = queues();
    const connected = Promise.withResolvers<TaskQueue>();
    open.mockReturnValueOnce(connected.promise);
    const users = Array.from({ length: 12 }, async (_, turns) => {
      if (turns > 0) await connected.promise;
      for (let turn = 1; turn < turns; turn += 1) await undefined;
      await tasks.enqueue('q', [task]);
    });
    connected.resolve(queue);
    await Promise.all(users);
    expect(open).toHaveBeenCalledTimes(1);
    expect(enqueue).toHaveBeenCalledTimes(users.length);
    await expect(tasks.check()).rejects.toThrow('away');
    await tasks.close();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('is connected and checked before the first use if tasks are expected', async () => {
    const { tasks, open } = queues();
    tasks.expectUse();
    expect(open).not.toHaveBeenCalled();
    await expect(tasks.check()).rejects.toThrow('away');
    expect(open).toHaveBeenCalledTimes(1);
  });

  it('fails its check while it cannot be opened, and is connected by the next check or use', async () => {
    const { tasks, open } = queues();
    for (let attempt = 0; attempt < 2; attempt += 1) open.mockRejectedValueOnce(new Error('no'));
    await expect(tasks.enqueue('q', [task])).rejects.toThrow('no');
    await expect(tasks.check()).rejects.toThrow('no');
    await tasks.enqueue('q', [task]);
    expect(open).toHaveBeenCalledTimes(3);
  });
});

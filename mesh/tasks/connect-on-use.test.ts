import { describe, expect, it, vi } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { systemClock as clock } from '../time/clock.ts';
import { connectOnUse } from './connect-on-use.ts';
import { measureTasks } from './open-tasks.ts';
import type { TaskQueue } from './task-queue.ts';

const task = { id: 'a', payload: new Uint8Array(), headers: {} };

function queues() {
  const enqueue = vi.fn(async () => undefined);
  const close = vi.fn(async () => undefined);
  const check = vi.fn(() => Promise.reject(new Error('away')));
  const open = vi.fn(async () => ({ enqueue, close, check }) as unknown as TaskQueue);
  return { tasks: connectOnUse(open), open, enqueue, close };
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

  it('is connected once by the first uses, then checked, and closed', async () => {
    const { tasks, open, enqueue, close } = queues();
    await Promise.all([tasks.enqueue('q', [task]), tasks.enqueue('q', [task])]);
    expect(open).toHaveBeenCalledTimes(1);
    expect(enqueue).toHaveBeenCalledTimes(2);
    await expect(tasks.check()).rejects.toThrow('away');
    await tasks.close();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('is connected by the next use after it could not be opened', async () => {
    const { tasks, open } = queues();
    open.mockRejectedValueOnce(new Error('no'));
    await expect(tasks.enqueue('q', [task])).rejects.toThrow('no');
    await tasks.enqueue('q', [task]);
  });
});

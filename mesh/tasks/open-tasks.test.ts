import { describe, expect, it, vi } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { systemClock as clock } from '../time/clock.ts';
import { openEmbeddedTasks } from './embedded/embedded-tasks.ts';
import { measureTasks } from './open-tasks.ts';

const { logger } = captureLog();

describe('the metrics of tasks', () => {
  it('count each queue once for a scrape', async () => {
    await using folder = await tempFolder();
    const embedded = await openEmbeddedTasks(`${folder.path}/tasks.db`, { clock, logger });
    const [count, depth] = [vi.fn(embedded.count), vi.fn(embedded.depth)];
    const metrics = createPrometheusMetrics({ clock, logger });
    const tasks = measureTasks({ ...embedded, count, depth }, metrics);
    await tasks.work({ queue: 'q', handle: async () => undefined });
    const { text } = await metrics.scrape();
    expect(text).toContain('ordermesh_tasks_depth{queue="q"} 0');
    expect(text).toContain('ordermesh_tasks{queue="q",state="ready"} 0');
    expect(count).toHaveBeenCalledTimes(1);
    expect(depth).not.toHaveBeenCalled();
    await metrics.scrape();
    expect(count).toHaveBeenCalledTimes(2);
    await tasks.close();
  });
});

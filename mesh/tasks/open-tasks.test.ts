import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
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
    const tasks = measureTasks({ ...embedded, count, depth }, { metrics, clock });
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

describe('the backlog of a queue', () => {
  it('has its failures since the last success, also those that are no attempts', async () => {
    const log = captureLog();
    await using folder = await tempFolder();
    const embedded = await openEmbeddedTasks(`${folder.path}/tasks.db`, { clock, logger: log.logger });
    const metrics = createPrometheusMetrics({ clock, logger });
    const tasks = measureTasks(embedded, { metrics, clock });
    let isAway = true;
    await tasks.work({
      queue: 'q',
      retryDelaysMs: [1],
      handle: async () => {
        if (isAway) throw new MeshError(Status.UNAVAILABLE, 'MAIL_UNAVAILABLE', 'the mail server is away');
      },
    });
    await tasks.enqueue('q', [{ id: 'a', payload: Buffer.from('a'), headers: {} }]);
    await eventually(async () =>
      expect(await tasks.backlogs()).toMatchObject([
        {
          queue: 'q',
          tasks: 1,
          failing: { attempts: expect.any(Number), error: 'MAIL_UNAVAILABLE: the mail server is away' },
        },
      ]),
    );
    const waits = () => log.lines.filter(({ msg }) => msg.startsWith('task waits'));
    await eventually(() => expect(waits().length).toBeGreaterThan(1));
    for (const line of waits()) expect(line).not.toHaveProperty('attempt');
    isAway = false;
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
    await tasks.enqueue('q', [{ id: 'b', payload: Buffer.from('b'), headers: {} }]);
    for (const backlog of await tasks.backlogs()) expect(backlog).not.toHaveProperty('failing');
    await tasks.close();
  });
});

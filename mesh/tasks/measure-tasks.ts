import type { Metrics } from '../metrics/metrics.ts';
import type { TaskQueue } from './task-queue.ts';

/**
 * Measures the queues that this process works on: `ordermesh_tasks_depth`, `ordermesh_tasks_overdue_seconds`, and
 * `ordermesh_tasks_attempts_total` by outcome.
 */
export function measureTasks(tasks: TaskQueue, metrics: Metrics): TaskQueue {
  const queues = new Set<string>();
  const depth = 'Tasks that wait or are being worked on, of a queue that this process works on.';
  metrics
    .gauge('ordermesh_tasks_depth', depth, ['queue'])
    .collect(() =>
      Promise.all([...queues].map(async (queue) => ({ labels: { queue }, value: await tasks.depth(queue) }))),
    );
  const overdue = 'How long the task has been due that has waited longest; 0 when none waits. The embedded queue only.';
  const { overdueMs } = tasks;
  if (overdueMs) {
    const read = async (queue: string) => ({ labels: { queue }, value: (await overdueMs(queue)) / 1_000 });
    metrics
      .gauge('ordermesh_tasks_overdue_seconds', overdue, ['queue'])
      .collect(() => Promise.all([...queues].map(read)));
  }
  const attempts = metrics.counter(
    'ordermesh_tasks_attempts_total',
    'Attempts at tasks, by how they ended: done, failed (it is retried), waiting (for something else), dead (a dead letter).',
    ['queue', 'outcome'],
  );
  return {
    ...tasks,
    work(options) {
      queues.add(options.queue);
      return tasks.work({ ...options, onEnd: (outcome) => attempts.add({ queue: options.queue, outcome }) });
    },
  };
}

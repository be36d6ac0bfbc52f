import type { DeadLetterQueue, DeadLetterSource } from '../dead-letters/dead-letters.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { readSeldom } from '../metrics/read-seldom.ts';
import type { Clock } from '../time/clock.ts';
import type { Runtime, Service } from './service/service.ts';

type Tools = Pick<Runtime, 'metrics' | 'clock'>;

/** Registers what waits in the services of a process and what is stuck in them, and the disk. All begin at 0. */
export function registerBacklogMetrics(services: readonly Service[], runtime: Runtime): void {
  for (const service of services) {
    measureOutbox(service, runtime);
    measureConsumers(service, runtime);
    measureDeadLetters(service.name, ['event', 'task'], service.deadLetters ?? [], runtime);
    measureParkedSagas(service, runtime);
  }
  measureDeadLetters('tasks', ['task'], [runtime.tasks.deadLetters], runtime, runtime.tasks.hasOpenDeadLetters);
  measureDisk(runtime);
}

const kindLabels = { event: 'events', task: 'tasks' } as const;

function measureOutbox({ name: service, outbox }: Service, { metrics, clock }: Tools): void {
  if (!outbox) return;
  const read = readSeldom(() => outbox.backlog(), clock);
  const labels = ['service', 'kind'] as const;
  metrics
    .gauge(
      'ordermesh_outbox_entries',
      'Events and tasks that wait in the outbox of a service for their broker.',
      labels,
    )
    .collect(async () =>
      (await read()).map(({ kind, entries }) => ({ labels: { service, kind: kindLabels[kind] }, value: entries })),
    );
  metrics
    .gauge('ordermesh_outbox_oldest_seconds', 'Age of the oldest of them; 0 if none waits.', labels)
    .collect(async () =>
      (await read()).map(({ kind, oldestTimeMs }) => ({
        labels: { service, kind: kindLabels[kind] },
        value: secondsSince(oldestTimeMs, clock),
      })),
    );
}

function secondsSince(timeMs: number | undefined, clock: Clock): number {
  return timeMs === undefined ? 0 : Math.max(0, clock.now() - timeMs) / 1_000;
}

function measureConsumers({ consumers = [] }: Service, { metrics, clock }: Tools): void {
  const lag = metrics.gauge(
    'ordermesh_consumer_lag_events',
    'Events of a topic that a consumer group has not handled.',
    ['group', 'topic'],
  );
  for (const { group, topics, lag: measure } of consumers) {
    const read = readSeldom(async () => {
      const partitions = await measure();
      return topics.map((topic) => {
        const events = partitions.filter((one) => one.topic === topic).reduce((sum, one) => sum + one.events, 0n);
        return { labels: { group, topic }, value: events };
      });
    }, clock);
    lag.collect(read);
  }
}

function deadLetterGauge(metrics: Metrics) {
  return metrics.gauge('ordermesh_dead_letters', 'What could not be handled and awaits redrive or discard.', [
    'service',
    'source',
  ]);
}

function measureDeadLetters(
  service: string,
  sources: readonly DeadLetterSource[],
  queues: readonly DeadLetterQueue[],
  { metrics, clock }: Tools,
  isOpen = () => true,
): void {
  if (queues.length === 0) return;
  const read = async () => {
    if (!isOpen()) return [];
    const counts = (await Promise.all(queues.map((queue) => queue.count()))).flat();
    return sources.map((source) => {
      const its = counts.filter((one) => one.source === source);
      return { labels: { service, source }, value: its.reduce((sum, { count }) => sum + count, 0) };
    });
  };
  deadLetterGauge(metrics).collect(readSeldom(read, clock));
}

function measureParkedSagas({ name: service, sagas = [] }: Service, { metrics, clock }: Tools): void {
  if (sagas.length === 0) return;
  const read = async () => {
    const counts = (await Promise.all(sagas.map((admin) => admin.countUnfinished()))).flat();
    const parked = counts.filter(({ state }) => state === 'needs-attention');
    return [{ labels: { service, source: 'saga' }, value: parked.reduce((sum, { count }) => sum + count, 0) }];
  };
  deadLetterGauge(metrics).collect(readSeldom(read, clock));
}

function measureDisk({ metrics, clock, disk }: Runtime): void {
  const read = readSeldom(disk, clock);
  metrics
    .gauge('ordermesh_disk_free_bytes', 'What this process may still write to the disk of its data folder.', [])
    .collect(async () => [{ labels: {}, value: (await read()).freeBytes }]);
  metrics
    .gauge('ordermesh_disk_size_bytes', 'Size of the disk of the data folder.', [])
    .collect(async () => [{ labels: {}, value: (await read()).totalBytes }]);
}

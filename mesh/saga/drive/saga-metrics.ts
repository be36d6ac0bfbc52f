import type { Metrics } from '../../metrics/metrics.ts';
import type { SagaBacklog } from '../saga.ts';

/** Registers how many sagas are unfinished, how many may be, and how long the oldest has waited for a slot. */
export function registerSagaMetrics(metrics: Metrics, service: string, readBacklog: () => Promise<SagaBacklog>): void {
  const labels = { service };
  const unfinished = metrics.gauge(
    'ordermesh_sagas_unfinished',
    'Sagas that have begun and neither ended nor wait for an operator.',
    ['service'],
  );
  const limit = metrics.gauge(
    'ordermesh_sagas_unfinished_limit',
    'How many sagas may be unfinished before new ones are refused.',
    ['service'],
  );
  const oldest = metrics.gauge(
    'ordermesh_sagas_oldest_wait_seconds',
    'How long the saga that is due longest has waited for a slot.',
    ['service'],
  );
  unfinished.collect(async () => [{ labels, value: (await readBacklog()).unfinished }]);
  limit.collect(async () => [{ labels, value: (await readBacklog()).limit }]);
  oldest.collect(async () => [{ labels, value: (await readBacklog()).oldestWaitMs / 1_000 }]);
}

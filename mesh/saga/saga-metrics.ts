import type { Metrics } from '../metrics/metrics.ts';
import type { SagaEngine } from './saga.ts';

/** Measures the sagas of a service: how many are unfinished, how many may be, and how long one has waited for a slot. */
export function describeSagas(metrics: Metrics, service: string, sagas: Pick<SagaEngine, 'backlog'>): void {
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
  unfinished.collect(async () => [{ labels, value: (await sagas.backlog()).unfinished }]);
  limit.collect(async () => [{ labels, value: (await sagas.backlog()).limit }]);
  oldest.collect(async () => [{ labels, value: (await sagas.backlog()).oldestWaitMs / 1_000 }]);
}

import type { MetricName, Metrics } from '../../../metrics/metrics.ts';
import { type AdmissionLimit, admissionLimits, type LimitedAdmission } from './limited-admission.ts';

/** Counts calls that are refused because a limit is reached. */
export type CountRefusal = (limit: AdmissionLimit) => void;

/** Returns what counts the calls of a contract that its admission refuses, by limit, from 0. */
export function countRefusals(metrics: Metrics | undefined, contract: string): CountRefusal {
  const counter = metrics?.counter(
    'ordermesh_calls_overloaded_total',
    'Calls that were refused with SERVER_OVERLOADED, by the limit that was reached.',
    ['contract', 'limit'],
  );
  for (const limit of admissionLimits) counter?.add({ contract, limit }, 0);
  return (limit) => counter?.add({ contract, limit });
}

/** Shows how many handlers of a contract have started, how many run, how many calls wait for one, and how many streams are open. */
export function measureAdmission(metrics: Metrics, contract: string, admission: LimitedAdmission): void {
  const show = (name: MetricName, help: string, count: () => number) =>
    metrics.gauge(name, help, ['contract']).collect(async () => [{ labels: { contract }, value: count() }]);
  metrics
    .counter('ordermesh_calls_started_total', 'Calls whose handler has started.', ['contract'])
    .collect(() => [{ labels: { contract }, value: admission.started }]);
  const running = 'Handlers that run, without streams that wait for their reader or a change.';
  show('ordermesh_calls_running', running, () => admission.working);
  show('ordermesh_calls_waiting', 'Calls that wait for their handler to start.', () => admission.waiting);
  show('ordermesh_calls_streams', 'Streaming calls whose handler has not returned.', () => admission.streams);
}

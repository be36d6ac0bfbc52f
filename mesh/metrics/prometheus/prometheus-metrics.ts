import { Counter as PromCounter, Registry } from 'prom-client';
import type { Counter, Gauge, Metrics } from '../metrics.ts';
import { createGauge, type MetricRequest, type MetricsDeps } from './prometheus-gauge.ts';

/** Metrics in a separate registry of `prom-client`, without its default metrics. */
export function createPrometheusMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry();
  const gauges = createCache<Gauge<string>>('gauge', (request) => createGauge(request, registry, deps));
  const counters = createCache<Counter<string>>('counter', (request) => createCounter(request, registry));
  return {
    gauge: (name, help, labelNames) => gauges({ name, help, labelNames }),
    counter: (name, help, labelNames) => counters({ name, help, labelNames }),
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Makes each metric once. The registry refuses a name that another kind has. */
function createCache<Metric>(
  kind: string,
  make: (request: MetricRequest) => Metric,
): (request: MetricRequest) => Metric {
  const made = new Map<string, { readonly labels: string; readonly metric: Metric }>();
  return (request) => {
    const labels = request.labelNames.toSorted().join(', ');
    const known = made.get(request.name);
    if (known === undefined) {
      const metric = make(request);
      made.set(request.name, { labels, metric });
      return metric;
    }
    if (known.labels === labels) return known.metric;
    const both = `has the labels (${known.labels}) and was requested with (${labels})`;
    throw new Error(`the ${kind} ${request.name} ${both}: rename one of them`);
  };
}

function createCounter(request: MetricRequest, registry: Registry): Counter<string> {
  const readers: (() => void)[] = [];
  const collect = () => {
    for (const read of readers) read();
  };
  const counter = new PromCounter<string>({ ...request, registers: [registry], collect });
  return {
    add: (labels, amount = 1) => counter.inc(labels, Number(amount)),
    collect: (read) => {
      readers.push(() => {
        for (const { labels, value } of read()) {
          counter.remove(labels);
          counter.inc(labels, Number(value));
        }
      });
    },
  };
}

import { Gauge as PromGauge, type Registry } from 'prom-client';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { Gauge, Sample } from '../metrics.ts';
import { createProbe } from '../probe.ts';

const readTimeoutMs = 5_000;

/** What a metric was asked for as. */
export interface MetricRequest {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** What metrics stand on. */
export interface MetricsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes a gauge of `registry` that can have readers. */
export function createGauge(request: MetricRequest, registry: Registry, deps: MetricsDeps): Gauge<string> {
  const readers: (() => Promise<void>)[] = [];
  const collect = async () => void (await Promise.all(readers.map((read) => read())));
  const gauge = new PromGauge<string>({ ...request, registers: [registry], collect });
  // prom-client says 0 for what nobody has set.
  if (request.labelNames.length === 0) gauge.remove({});
  return {
    set: (labels, value) => gauge.set(labels, Number(value)),
    collect: (read) => {
      readers.push(createReader(read, gauge, request.name, deps));
    },
  };
}

/** What is read is put in place at once, so that a scrape never sees a part of it. */
function createReader(
  read: () => Promise<readonly Sample<string>[]>,
  gauge: PromGauge<string>,
  name: string,
  { clock, logger }: MetricsDeps,
): () => Promise<void> {
  const probe = createProbe(read, {
    clock,
    timeoutMs: readTimeoutMs,
    onFailure: (error) => logger.warn({ err: error, metric: name }, 'metric cannot be read: it is left out'),
    onRecovery: () => logger.info({ metric: name }, 'metric can be read again'),
  });
  let shown: readonly Sample<string>[] = [];
  return async () => {
    const samples = (await probe()) ?? [];
    for (const { labels } of shown) gauge.remove(labels);
    for (const { labels, value } of samples) gauge.set(labels, Number(value));
    shown = samples;
  };
}

import { Gauge as PromGauge, type Registry } from 'prom-client';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { within } from '../../time/within.ts';
import type { Gauge, Sample } from '../metrics.ts';

const readTimeoutMs = 5_000;

export interface MetricRequest {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

export interface MetricsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes a gauge in `registry` that can have readers. */
export function createGauge(request: MetricRequest, registry: Registry, deps: MetricsDeps): Gauge<string> {
  const readers: (() => Promise<void>)[] = [];
  const collect = async () => void (await Promise.all(readers.map((read) => read())));
  const gauge = new PromGauge<string>({ ...request, registers: [registry], collect });
  // prom-client exposes 0 for a gauge that was not set.
  if (request.labelNames.length === 0) gauge.remove({});
  return {
    set: (labels, value) => gauge.set(labels, Number(value)),
    collect: (read) => {
      readers.push(createReader(read, gauge, request.name, deps));
    },
  };
}

/** Replaces all samples in one step, so a scrape never sees a part of them. */
function createReader(
  read: () => Promise<readonly Sample<string>[]>,
  gauge: PromGauge<string>,
  name: string,
  { clock, logger }: MetricsDeps,
): () => Promise<void> {
  const probe = createProbe(read, {
    clock,
    timeoutMs: readTimeoutMs,
    onFailure: (error) => logger.warn({ err: error, metric: name }, 'metric cannot be read; omitted from scrapes'),
    onRecovery: () => logger.info({ metric: name }, 'metric readable again'),
  });
  let shown: readonly Sample<string>[] = [];
  return async () => {
    const samples = (await probe()) ?? [];
    for (const { labels } of shown) gauge.remove(labels);
    for (const { labels, value } of samples) gauge.set(labels, Number(value));
    shown = samples;
  };
}

interface ProbeOptions {
  readonly clock: Clock;
  /** A longer call counts as failed. */
  readonly timeoutMs: number;
  /** Called with the first of consecutive failures. */
  readonly onFailure: (error: unknown) => void;
  /** Called with the first success after failures. */
  readonly onRecovery: () => void;
}

/** Returns a function that calls `ask` and resolves with its answer, or with `undefined` if it fails. */
function createProbe<Answer>(
  ask: () => Promise<Answer>,
  { clock, timeoutMs, onFailure, onRecovery }: ProbeOptions,
): () => Promise<Answer | undefined> {
  let failing = false;
  return async () => {
    try {
      const answer = await within(ask(), timeoutMs, clock);
      if (failing) onRecovery();
      failing = false;
      return answer;
    } catch (error) {
      if (!failing) onFailure(error);
      failing = true;
      return undefined;
    }
  };
}

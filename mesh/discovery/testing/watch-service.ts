import { onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { openServerTrusts } from '../../security/tls/server-trusts.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import type { Discovery, FoundEndpoint } from '../discovery.ts';
import type { RegistryParts } from '../registry-log.ts';

/** What an adapter under test works with; its log is kept. Default of `clock`: that of the machine. */
export function testParts(clock: Clock = systemClock): {
  readonly parts: RegistryParts;
  readonly warnings: () => readonly string[];
} {
  const { logger, lines } = captureLog();
  const trusts = openServerTrusts({ tlsCa: '' }, undefined, { clock: systemClock, logger });
  onTestFinished(() => trusts.close());
  const parts: RegistryParts = {
    clock,
    logger,
    metrics: createPrometheusMetrics({ clock, logger }),
    trustOf: (file) => trusts.of({ variable: 'DISCOVERY_URL', file }),
  };
  return {
    parts,
    warnings: () => lines.filter(({ level }) => level === 'warn').map(({ err, msg }) => reasonOf(err) ?? msg),
  };
}

/** Watches a service until the test ends. The returned function returns the last set; `undefined` before the first. */
export function watchService(discovery: Discovery, service: string): () => readonly FoundEndpoint[] | undefined {
  let last: readonly FoundEndpoint[] | undefined;
  const end = discovery.watch(service, ({ endpoints }) => (last = endpoints));
  onTestFinished(end);
  return () => last;
}

function reasonOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'reason' in error ? String(error.reason) : undefined;
}

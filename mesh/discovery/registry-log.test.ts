import { beforeEach, describe, expect, it } from 'vitest';
import type { Metrics } from '../metrics/metrics.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import { registryRefused, registryUnavailable, serviceUnknown } from './errors.ts';
import { createRegistryLog, type RegistryLog } from './registry-log.ts';

const registry = 'consul://10.0.0.1:8500';
const away = () => registryUnavailable({ registry, problem: 'ECONNREFUSED' });

describe('the log of a registry', () => {
  let clock: TestClock;
  let captured: CapturedLog;
  let metrics: Metrics;
  let log: RegistryLog;
  const texts = () => captured.lines.map(({ level, service, msg }) => `${level} ${service}: ${msg}`);

  beforeEach(() => {
    clock = createTestClock();
    captured = captureLog({ level: 'info' });
    metrics = createPrometheusMetrics({ clock, logger: captured.logger });
    log = createRegistryLog(registry, { clock, logger: captured.logger, metrics });
  });

  it('has one line a minute for a registry that is away from all services, with the remedy', () => {
    for (let second = 0; second < 90; second += 1) {
      for (const service of ['user', 'order']) log.failed(service, away());
      clock.advance(1_000);
    }
    expect(captured.lines).toMatchObject([
      { level: 'warn', registry, service: 'user', failing_s: 0, remedy: registryUnavailable.fix },
      { level: 'warn', registry, service: 'user', failing_s: 60 },
    ]);
  });

  it('says once when the registry is back, and for how long it was away', () => {
    for (const service of ['user', 'order']) log.failed(service, away());
    clock.advance(30_000);
    for (const service of ['user', 'order', 'user']) log.answered(service);
    expect(texts().slice(1)).toEqual(['info user: registry answers again']);
    expect(captured.lines[1]).toMatchObject({ failed_ms: 30_000 });
  });

  it('has a line for each service that is unknown, and for each other kind of failure', () => {
    for (const service of ['user', 'order'])
      log.failed(service, serviceUnknown({ registry, service, problem: 'none' }));
    log.failed('user', registryRefused({ registry, problem: 'HTTP 403' }));
    expect(captured.lines.map(({ service, remedy }) => [service, remedy])).toEqual([
      ['user', serviceUnknown.fix],
      ['order', serviceUnknown.fix],
      ['user', registryRefused.fix],
    ]);
  });

  it('forgets a failure that another one has replaced', () => {
    log.failed('user', away());
    clock.advance(10_000);
    log.failed('user', registryRefused({ registry, problem: 'HTTP 403' }));
    log.answered('user');
    clock.advance(3_600_000);
    log.failed('user', away());
    expect(captured.lines.at(-1)).toMatchObject({ level: 'warn', failing_s: 0, remedy: registryUnavailable.fix });
  });

  it('keeps a failure that another service still has', () => {
    for (const service of ['user', 'order']) log.failed(service, away());
    log.failed('user', registryRefused({ registry, problem: 'HTTP 403' }));
    clock.advance(70_000);
    log.failed('order', away());
    expect(captured.lines.at(-1)).toMatchObject({ service: 'order', failing_s: 70 });
  });

  it('counts all failures by reason', async () => {
    for (let failure = 0; failure < 3; failure += 1) log.failed('user', away());
    log.failed('user', new Error('a mistake of the adapter'));
    const { text } = await metrics.scrape();
    expect(text).toContain('ordermesh_discovery_failures_total{reason="REGISTRY_UNAVAILABLE"} 3');
    expect(text).toContain('ordermesh_discovery_failures_total{reason="UNEXPECTED"} 1');
  });
});

import { describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { createTestClock } from '../testing/test-clock.ts';
import type { AuditCheck } from './audit.ts';
import { createProcessAudits } from './background-audits.ts';
import { combineAuditors } from './create-auditor.ts';

const always = new AbortController().signal;

describe('combined auditors', () => {
  const { logger } = captureLog();
  const clock = createTestClock();
  const metrics = createPrometheusMetrics({ clock, logger });
  const auditorOf = (service: string, ...names: string[]) => {
    const checks = names.map((name): AuditCheck => {
      const found = { reason: 'ROW_DIFFERS', ids: [name], message: `${name} differs` };
      return {
        name: `${service}/${name}`,
        run: async function* () {
          yield found;
        },
      };
    });
    return createProcessAudits({ service, checks, metrics, clock, logger, intervalMs: 0 }).auditor;
  };
  const [payment, order] = [auditorOf('payment', 'ledger', 'accounts'), auditorOf('order', 'orders')];
  const combined = combineAuditors(() => [payment, order]);
  const results = async (...names: string[]) =>
    (await Array.fromAsync(combined.run(names, always))).flatMap((report) =>
      report.kind === 'result' ? [report.result.name] : [],
    );

  it('run the requested checks of each, and return the last audit of each', async () => {
    expect(await results('order/orders', 'payment/accounts')).toEqual(['payment/accounts', 'order/orders']);
    expect(await combined.last()).toBeUndefined();
    expect(await results()).toEqual(['payment/ledger', 'payment/accounts', 'order/orders']);
    const startMs = clock.now();
    clock.advance(5_000);
    await Array.fromAsync(order.run([], always));
    expect(await combined.last()).toMatchObject({
      startMs,
      endMs: startMs + 5_000,
      results: [{ name: 'payment/ledger' }, { name: 'payment/accounts' }, { name: 'order/orders' }],
      findings: [{ ids: ['ledger'] }, { ids: ['accounts'] }, { ids: ['orders'] }],
    });
  });

  it('refuse a check that none of them has', async () => {
    await expect(results('order/charges')).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
  });
});

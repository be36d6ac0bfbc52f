import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { listenForScrapes, type MetricsListener } from './listener.ts';
import type { Metrics } from './metrics.ts';
import { createPrometheusMetrics } from './prometheus/prometheus-metrics.ts';

describe('the metrics listener', () => {
  let log: CapturedLog;
  let metrics: Metrics;
  let listener: MetricsListener;
  let url: string;

  beforeEach(async () => {
    log = captureLog();
    metrics = createPrometheusMetrics({ clock: createTestClock(), logger: log.logger });
    listener = await listenForScrapes(metrics, '127.0.0.1:0', log);
    url = `http://127.0.0.1:${listener.port}`;
  });
  afterEach(() => listener.close());

  it('returns all metrics for GET /metrics', async () => {
    metrics.gauge('ordermesh_rows', 'Rows.', []).set({}, 5);
    const response = await fetch(`${url}/metrics?name=all`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('\nordermesh_rows 5\n');
  });

  it('returns only the headers for HEAD', async () => {
    const response = await fetch(`${url}/metrics`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('returns 404 with the right path for any other path', async () => {
    const response = await fetch(`${url}/`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('not found: metrics are at /metrics\n');
  });

  it('refuses other methods', async () => {
    const response = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await response.text()).toBe('method not allowed: use GET\n');
  });

  it('returns 500 if a scrape fails, and logs why', async () => {
    const wrong = { labels: { shelf: 'a' }, value: 1 };
    metrics.gauge('ordermesh_rows', 'Rows.', []).collect(async () => [wrong]);
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('see the log of the process');
    expect(log.lines).toMatchObject([{ level: 'error', err: { message: expect.stringContaining('shelf') } }]);
  });

  it('closes immediately, even during a scrape', async () => {
    const asked = Promise.withResolvers<void>();
    metrics.gauge('ordermesh_rows', 'Rows.', []).collect(() => {
      asked.resolve();
      return new Promise(() => undefined);
    });
    const scrape = expect(fetch(`${url}/metrics`)).rejects.toThrow();
    await asked.promise;
    await listener.close();
    await scrape;
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  });

  it('names the address that is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    await expect(listenForScrapes(metrics, address, captureLog())).rejects.toMatchObject({
      reason: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`cannot listen on METRICS_LISTEN=${address}: process ${process.pid} `),
    });
    taken.close();
  });
});

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
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

  it('ends a request that does not arrive in time, even if a byte of it does now and then', async () => {
    const slow = await listenForScrapes(metrics, '127.0.0.1:0', { ...log, requestMs: 300 });
    onTestFinished(() => slow.close());
    const socket = connect(slow.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET /metrics HTTP/1.1\r\nx: ');
    const dribble = setInterval(() => socket.write('a'), 50);
    onTestFinished(() => clearInterval(dribble));
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
    expect(String(answer)).toContain('408 Request Timeout');
    // One that arrives in time is answered for as long as it takes.
    metrics.gauge('ordermesh_rows', 'Rows.', []).collect(() => sleep(900, []));
    expect((await fetch(`http://127.0.0.1:${slow.port}/metrics`)).status).toBe(200);
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

import { describe, expect, it } from 'vitest';
import { callRefusalReasons, connectionEndReasons } from '../engines/host-observer.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { systemClock } from '../time/clock.ts';
import { createHostReport } from './host-report.ts';
import { rawConnection } from './testing/raw-call.ts';
import { ada, startEcho } from './testing/start-echo.ts';

const metricsOf = () => createPrometheusMetrics({ clock: systemClock, logger: captureLog().logger });

describe('the metrics of a server', () => {
  it('show connections and have every reason from the start', async () => {
    const metrics = metricsOf();
    const { session } = await startEcho({}, {}, { metrics, maxConnections: 5 });
    const { text } = await metrics.scrape();
    expect(text).toMatch(/^ordermesh_connections_open [12]$/m);
    expect(text).toMatch(/^ordermesh_connections_limit 5$/m);
    expect(text).toMatch(/^ordermesh_connections_ended_total\{reason="too_many_connections"\} 0$/m);
    expect(text).toMatch(/^ordermesh_calls_refused_total\{reason="unknown_method"\} 0$/m);
    session.destroy();
    await eventually(async () => expect((await metrics.scrape()).text).toMatch(/^ordermesh_connections_open [01]$/m));
  });

  it('count calls that are refused before their handler, and log them at debug', async () => {
    const metrics = metricsOf();
    const { raw, lines } = await startEcho({}, {}, { metrics });
    await raw('Nothing', ada);
    expect((await metrics.scrape()).text).toMatch(/^ordermesh_calls_refused_total\{reason="unknown_method"\} 1$/m);
    const line = { level: 'debug', method: '/test.v1.EchoService/Nothing', reason: 'unknown_method' };
    expect(lines).toContainEqual(expect.objectContaining({ ...line, peer: expect.stringMatching(/^127\.0\.0\.1:/) }));
  });

  it('count connections that the server ends', async () => {
    const metrics = metricsOf();
    const { address, lines, session } = await startEcho({}, {}, { metrics, maxConnections: 1 });
    const surplus = await rawConnection(address);
    surplus.on('error', () => undefined);
    await eventually(() => expect(surplus.destroyed).toBe(true));
    const { text } = await metrics.scrape();
    expect(text).toMatch(/^ordermesh_connections_ended_total\{reason="too_many_connections"\} 1$/m);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', reason: 'too_many_connections' }));
    session.destroy();
  });
});

describe('the report of a server host', () => {
  it('logs one line in 10 s for each reason, with the number of those in between', () => {
    const { logger, lines } = captureLog();
    let nowMs = 0;
    const report = createHostReport({ clock: { ...systemClock, elapsedMs: () => nowMs }, logger });
    const end = { peer: '10.0.0.1:9', reason: 'too_many_resets', problem: 'too many', counts: { streams: 9 } } as const;
    for (let count = 0; count < 5; count += 1) report.connectionEnded(end);
    report.connectionEnded({ ...end, reason: 'no_settings' });
    nowMs = 10_000;
    report.connectionEnded(end);
    const msg = 'connection ended because of its client';
    expect(lines).toMatchObject(
      [
        { level: 'warn', ...end, counts: undefined, streams: 9, msg },
        { level: 'warn', reason: 'no_settings' },
        { level: 'warn', reason: 'too_many_resets', unlogged: 4 },
      ].map(({ counts: _, ...line }: Record<string, unknown>) => line),
    );
  });

  it.each(connectionEndReasons)('counts and logs a connection that ended for %s', async (reason) => {
    const { logger, lines } = captureLog();
    const metrics = metricsOf();
    const report = createHostReport({ clock: systemClock, logger, metrics });
    const zero = `ordermesh_connections_ended_total{reason="${reason}"} 0`;
    expect((await metrics.scrape()).text.split('\n')).toContain(zero);
    report.connectionEnded({ peer: '10.0.0.1:9', reason, problem: 'a problem' });
    expect((await metrics.scrape()).text.split('\n')).toContain(zero.replace(/0$/, '1'));
    expect(lines).toMatchObject([{ peer: '10.0.0.1:9', reason, problem: 'a problem' }]);
  });

  it.each(callRefusalReasons)('counts a call that is refused for %s, and logs it at debug', async (reason) => {
    const { logger, lines } = captureLog({ level: 'debug' });
    const metrics = metricsOf();
    const report = createHostReport({ clock: systemClock, logger, metrics });
    report.callRefused({ peer: '10.0.0.1:9', path: '/a.B/C', reason });
    const count = `ordermesh_calls_refused_total{reason="${reason}"} 1`;
    expect((await metrics.scrape()).text.split('\n')).toContain(count);
    expect(lines).toMatchObject([{ level: 'debug', peer: '10.0.0.1:9', method: '/a.B/C', reason }]);
  });

  it('logs a fault of the server as an error', () => {
    const { logger, lines } = captureLog();
    const report = createHostReport({ clock: systemClock, logger });
    const cause = new TypeError('x is not a function');
    report.connectionEnded({ peer: '10.0.0.1:9', reason: 'internal_error', problem: cause.message, cause });
    const msg = 'connection ended because of a fault of this server';
    const err = { type: 'TypeError', stack: expect.stringContaining('host-report.test.ts') };
    expect(lines).toMatchObject([{ level: 'error', msg, problem: 'x is not a function', err }]);
  });
});

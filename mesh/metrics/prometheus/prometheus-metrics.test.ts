import { describe, expect, it } from 'vitest';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Metrics, Sample } from '../metrics.ts';
import { createPrometheusMetrics } from './prometheus-metrics.ts';

function setUp() {
  const clock = createTestClock();
  const { logger, lines } = captureLog();
  return { clock, lines, metrics: createPrometheusMetrics({ clock, logger }) };
}

/** The lines with a value, without comments. */
async function samplesOf(metrics: Metrics): Promise<string[]> {
  const { text } = await metrics.scrape();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('a gauge', () => {
  it('has its last value for each combination of labels', async () => {
    const { metrics } = setUp();
    const gauge = metrics.gauge('ordermesh_queue_entries', 'What waits.', ['queue']);
    gauge.set({ queue: 'a' }, 1);
    gauge.set({ queue: 'b' }, 2n);
    gauge.set({ queue: 'a' }, 3);
    expect(await metrics.scrape()).toEqual({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text:
        '# HELP ordermesh_queue_entries What waits.\n# TYPE ordermesh_queue_entries gauge\n' +
        'ordermesh_queue_entries{queue="a"} 3\nordermesh_queue_entries{queue="b"} 2\n',
    });
  });

  it('has no value before it is set', async () => {
    const { metrics } = setUp();
    const gauge = metrics.gauge('ordermesh_lag_seconds', 'How far behind.', []);
    expect(await samplesOf(metrics)).toEqual([]);
    gauge.set({}, 0.5);
    expect(await samplesOf(metrics)).toEqual(['ordermesh_lag_seconds 0.5']);
  });

  it('is the same for the same name, and is refused with another kind or other labels', () => {
    const { metrics } = setUp();
    const gauge = metrics.gauge('ordermesh_jobs_total', 'Jobs.', ['a', 'b']);
    expect(metrics.gauge('ordermesh_jobs_total', 'Jobs.', ['b', 'a'])).toBe(gauge);
    expect(() => metrics.gauge('ordermesh_jobs_total', 'Jobs.', ['a'])).toThrow(
      'the gauge ordermesh_jobs_total has the labels (a, b) and was requested with (a): rename one of them',
    );
    expect(() => metrics.counter('ordermesh_jobs_total', 'Jobs.', ['a', 'b'])).toThrow('ordermesh_jobs_total');
  });

  it('belongs to its own registry', async () => {
    const one = setUp().metrics;
    const other = setUp().metrics;
    one.gauge('ordermesh_lag_seconds', 'How far behind.', []).set({}, 1);
    other.gauge('ordermesh_lag_seconds', 'How far behind.', []).set({}, 2);
    expect(await samplesOf(one)).toEqual(['ordermesh_lag_seconds 1']);
    expect(await samplesOf(other)).toEqual(['ordermesh_lag_seconds 2']);
  });
});

describe('a gauge that is read at each scrape', () => {
  it('has only the current samples of its readers', async () => {
    const { metrics } = setUp();
    let answer: Sample<'service'>[] = [
      { labels: { service: 'a' }, value: 1n },
      { labels: { service: 'b' }, value: 2n },
    ];
    const gauge = metrics.gauge('ordermesh_lag_seconds', 'How far behind.', ['service']);
    gauge.collect(async () => answer);
    gauge.collect(async () => [{ labels: { service: 'c' }, value: 3 }]);
    expect((await samplesOf(metrics)).toSorted()).toEqual([
      'ordermesh_lag_seconds{service="a"} 1',
      'ordermesh_lag_seconds{service="b"} 2',
      'ordermesh_lag_seconds{service="c"} 3',
    ]);
    answer = [{ labels: { service: 'b' }, value: 0 }];
    expect((await samplesOf(metrics)).toSorted()).toEqual([
      'ordermesh_lag_seconds{service="b"} 0',
      'ordermesh_lag_seconds{service="c"} 3',
    ]);
  });

  it('omits a reader that fails, and logs the failure and the recovery once each', async () => {
    const { metrics, lines } = setUp();
    let broken = false;
    metrics.gauge('ordermesh_rows', 'Rows.', []).collect(async () => {
      if (broken) throw new Error('disk');
      return [{ labels: {}, value: 7 }];
    });
    metrics.counter('ordermesh_calls_total', 'Calls.', []).add({});
    expect(await samplesOf(metrics)).toEqual(['ordermesh_rows 7', 'ordermesh_calls_total 1']);
    broken = true;
    expect(await samplesOf(metrics)).toEqual(['ordermesh_calls_total 1']);
    expect(await samplesOf(metrics)).toEqual(['ordermesh_calls_total 1']);
    broken = false;
    expect(await samplesOf(metrics)).toEqual(['ordermesh_rows 7', 'ordermesh_calls_total 1']);
    expect(lines).toMatchObject([
      { level: 'warn', metric: 'ordermesh_rows', err: { message: 'disk' } },
      { level: 'info', metric: 'ordermesh_rows' },
    ]);
  });

  it('waits at most 5 s for a reader', async () => {
    const { metrics, lines, clock } = setUp();
    const gauge = metrics.gauge('ordermesh_rows', 'Rows.', ['table']);
    gauge.collect(() => new Promise(() => undefined));
    gauge.collect(async () => [{ labels: { table: 'b' }, value: 1 }]);
    const scrape = samplesOf(metrics);
    clock.advance(5_000);
    expect(await scrape).toEqual(['ordermesh_rows{table="b"} 1']);
    expect(lines).toMatchObject([{ err: { message: expect.stringContaining('longer than 5000 ms') } }]);
  });
});

describe('a counter', () => {
  it('adds amounts, 1 by default', async () => {
    const { metrics } = setUp();
    const counter = metrics.counter('ordermesh_sent_bytes_total', 'Sent.', ['to']);
    counter.add({ to: 'a' });
    counter.add({ to: 'a' }, 41n);
    expect(await samplesOf(metrics)).toEqual(['ordermesh_sent_bytes_total{to="a"} 42']);
  });

  it('has the current counts of its readers', async () => {
    const { metrics } = setUp();
    const counter = metrics.counter('ordermesh_turns_total', 'Turns.', ['of']);
    let turns = 1;
    counter.collect(() => [{ labels: { of: 'a' }, value: turns }]);
    counter.collect(() => [{ labels: { of: 'b' }, value: 2n * BigInt(turns) }]);
    expect(await samplesOf(metrics)).toEqual(['ordermesh_turns_total{of="a"} 1', 'ordermesh_turns_total{of="b"} 2']);
    turns = 7;
    expect(await samplesOf(metrics)).toEqual(['ordermesh_turns_total{of="a"} 7', 'ordermesh_turns_total{of="b"} 14']);
  });
});

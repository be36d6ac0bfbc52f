import { describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { type Expiry, type ExpiryUse, expiryText, watchExpiry } from './expiry.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function watch(inMs: number, use: ExpiryUse = 'own', periodMs?: number) {
  const { logger, lines } = captureLog();
  const clock = createTestClock();
  const metrics = createPrometheusMetrics({ clock, logger });
  const expiry = { use, subject: 'CN=order', variable: 'TLS_CERT', periodMs, expireMs: clock.now() + inMs };
  onTestFinished(watchExpiry(() => [expiry], { clock, logger, metrics }));
  return { expiry, clock, metrics, logged: () => lines.splice(0).map(({ level, msg }) => `${level}: ${msg}`) };
}

describe('what expires', () => {
  it('is a metric', async () => {
    const { metrics, expiry } = watch(400 * dayMs, 'ca');
    const { text } = await metrics.scrape();
    const value = expiry.expireMs / 1_000;
    expect(text).toContain(`\nordermesh_tls_certificate_expiry_timestamp_seconds{use="ca"} ${value}\n`);
  });

  it('is logged from 30 days before, once a day, as an error on the last day and later', () => {
    const { clock, logged } = watch(31 * dayMs);
    expect(logged()).toEqual([]);
    clock.advance(dayMs);
    expect(logged()).toEqual([expect.stringMatching(/^warn: certificate CN=order of TLS_CERT expires in 30 days: /)]);
    clock.advance(dayMs - 60_000);
    expect(logged()).toEqual([]);
    clock.advance(28 * dayMs);
    const daily = logged();
    expect(daily).toHaveLength(28);
    expect(daily.every((line) => line.startsWith('warn: '))).toBe(true);
    clock.advance(dayMs / 2);
    expect(logged()).toEqual([expect.stringMatching(/^error: .* expires in 2[34] hours, and then all calls/)]);
    clock.advance(dayMs);
    expect(logged()).toEqual([
      expect.stringMatching(/^error: .* expired 0 minutes ago, so all calls to this process and from it fail: /),
    ]);
    clock.advance(2 * dayMs);
    expect(logged()).toHaveLength(2);
  });

  it('is logged in the last quarter of its validity if that is short', () => {
    const { clock, logged } = watch(7 * dayMs, 'crl', 8 * dayMs);
    clock.advance(5 * dayMs - 60_000);
    expect(logged()).toEqual([]);
    clock.advance(60_000);
    expect(logged()).toEqual([expect.stringMatching(/^warn: list of .* expires in 2 days: /)]);
    clock.advance(dayMs);
    expect(logged()).toEqual([expect.stringMatching(/^error: .* expires in 24 hours, and then all peers/)]);
    expect(watch(6 * dayMs, 'own', 20 * dayMs).logged()).toEqual([]);
    expect(watch(29 * dayMs, 'own', 90 * dayMs).logged()).toHaveLength(1);
    const hourly = watch(hourMs, 'crl', 2 * dayMs);
    expect(hourly.logged()).toEqual([expect.stringMatching(/^error: /)]);
    expect(watch(13 * hourMs, 'crl', 2 * dayMs).logged()).toEqual([]);
  });

  it('is logged no more after it was replaced', () => {
    const { clock, logged, expiry } = watch(10 * dayMs);
    expect(logged()).toHaveLength(1);
    expiry.expireMs += 90 * dayMs;
    clock.advance(3 * dayMs);
    expect(logged()).toEqual([]);
  });

  it.each<[Partial<Expiry>, string]>([
    [{ use: 'crl' }, 'list of revoked certificates of TLS_CERT expires in 3 hours, and then all peers are refused'],
    [{ use: 'http' }, 'expires in 3 hours, and then all callers over HTTP refuse this process'],
  ])('of %j says what then fails', (changed, text) => {
    const expiry: Expiry = { use: 'own', subject: 'CN=order', variable: 'TLS_CERT', expireMs: 3 * hourMs, ...changed };
    expect(expiryText(expiry, 0)).toContain(text);
  });
});

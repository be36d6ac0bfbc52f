import { describe, expect, it } from 'vitest';
import { readConfig } from '../../config/config.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { serveKeys } from '../testing/served-keys.ts';
import { createTestIssuer } from '../testing/test-issuer.ts';
import { openTokens } from './open-tokens.ts';

const all = { AUTH_JWKS: '/nowhere/jwks.json', AUTH_ISSUER: 'https://login.example/', AUTH_AUDIENCE: 'ordermesh' };

function open(environment: Record<string, string>) {
  const [clock, { logger }] = [createTestClock(), captureLog()];
  return openTokens(readConfig(environment), { clock, logger, metrics: createPrometheusMetrics({ clock, logger }) });
}

describe('the settings of tokens', () => {
  it('are all unset by default: anyone may call', async () => {
    expect(await open({})).toBeUndefined();
  });

  it.each(['AUTH_JWKS', 'AUTH_ISSUER', 'AUTH_AUDIENCE'])('stop a start without %s alone', async (variable) => {
    await expect(open({ ...all, [variable]: '' })).rejects.toThrow(`${variable} is not set: tokens need`);
  });

  it('stop a start without the file', async () => {
    await expect(open(all)).rejects.toThrow(/key set \/nowhere\/jwks.json cannot be used \(ENOENT.*: check AUTH_JWKS/);
  });

  it.each([
    ['http://login.example/keys', 'may be changed on its way: use https'],
    ['http://127.0.0.1.evil.example/keys', 'may be changed on its way: use https'],
    ['ftp://login.example/keys', 'is neither an https URL nor a file'],
    ['https://a:b@login.example/keys', 'has credentials: key sets are public'],
    ['https://', 'is not a valid URL'],
  ])('refuse the key set %s', (url, problem) => {
    expect(() => readConfig({ ...all, AUTH_JWKS: url })).toThrow(`which ${problem}`);
  });

  it('verify tokens with keys at a URL', async () => {
    const issuer = await createTestIssuer({ now: createTestClock().now });
    const keys = await serveKeys(issuer.keySet);
    const tokens = await open({ ...all, AUTH_JWKS: keys.url });
    expect(await tokens?.verify(await issuer.sign('eve'))).toMatchObject({ subject: 'eve' });
    tokens?.close();
  });
});

import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { plainAuthenticator } from '../security/testing/plain-authenticator.ts';
import { captureLog } from '../testing/captured-log.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { systemClock } from '../time/clock.ts';
import type { ServerOptions } from './create-server.ts';
import { rawCall } from './testing/raw-call.ts';
import { ada, startEcho } from './testing/start-echo.ts';

const rate = { perSecond: 1, burst: 2 };
const contract = { rate, access: { roles: ['*'], services: ['*'] } };
/** No time passes for its server, so a slow test does not get calls of the next second. */
const start = (options: Partial<ServerOptions> = { authenticator: plainAuthenticator }) =>
  startEcho({}, contract, { clock: createTestClock(), ...options });

const times = (count: number, call: () => Promise<{ readonly status: number }>) =>
  Array.from({ length: count }, call).reduce<Promise<number[]>>(
    async (before, answer) => [...(await before), (await answer).status],
    Promise.resolve([]),
  );

const { OK, RESOURCE_EXHAUSTED } = Status;

describe('a method with a rate', () => {
  it('refuses what a caller calls more often, and says when to call again', async () => {
    const { raw } = await start();
    const call = () => raw('One', ada, { 'test-subject': 'ada' });
    expect([(await call()).status, (await call()).status]).toEqual([OK, OK]);
    const { status, message, details } = await call();
    expect({ status, reason: details.reason }).toEqual({ status: RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED' });
    expect(message).toContain('a caller may make 1 calls a second, 2 at once');
    expect(details.retryAfterMs).toBeGreaterThan(0);
    expect(details.retryAfterMs).toBeLessThanOrEqual(1_000);
  });

  it('counts each subject, service and method for itself', async () => {
    const { raw } = await start();
    const by = (headers: Record<string, string>, method = 'One') => times(3, () => raw(method, ada, headers));
    const limited = [OK, OK, RESOURCE_EXHAUSTED];
    expect(await by({ 'test-subject': 'ada' })).toEqual(limited);
    expect(await by({ 'test-subject': 'bob' })).toEqual(limited);
    expect(await by({ 'test-service': 'order' })).toEqual(limited);
    expect(await by({ 'test-subject': 'ada' }, 'Many')).toEqual(limited);
    // Through whichever service.
    expect(await by({ 'test-subject': 'ada', 'test-service': 'edge' })).toEqual(Array(3).fill(RESOURCE_EXHAUSTED));
  });

  it('refuses before it decodes, and without a line of its own', async () => {
    const { logger, lines } = captureLog({ level: 'info' });
    const { session } = await start({ authenticator: plainAuthenticator, logger });
    const invalid = () =>
      rawCall(session, '/test.v1.EchoService/One', grpcFrame(Buffer.from([0xff])), { 'test-subject': 'eve' });
    const reasons = [];
    for (let call = 0; call < 3; call += 1) reasons.push((await invalid()).details.reason);
    expect(reasons).toEqual(['UNDECODABLE_MESSAGE', 'UNDECODABLE_MESSAGE', 'RATE_LIMITED']);
    expect(JSON.stringify(lines)).not.toContain('RATE_LIMITED');
  });

  it('refuses who may not call it for that, at any rate', async () => {
    const { raw } = await start();
    expect(await times(4, () => raw('One', ada))).toEqual(Array(4).fill(Status.UNAUTHENTICATED));
  });

  it('does not limit this machine while calls are not authenticated', async () => {
    const { raw } = await start({});
    expect(await times(20, () => raw('One', ada))).toEqual(Array(20).fill(OK));
  });

  it('counts what it refuses', async () => {
    const metrics = createPrometheusMetrics({ clock: systemClock, logger: captureLog().logger });
    const { raw } = await start({ authenticator: plainAuthenticator, metrics });
    await times(5, () => raw('One', ada, { 'test-subject': 'ada' }));
    const { text } = await metrics.scrape();
    const line = (by: string) => `ordermesh_calls_rate_limited_total{method="/test.v1.EchoService/One",by="${by}"}`;
    expect(text).toContain(`${line('subject')} 3`);
    expect(text).toContain(`${line('address')} 0`);
  });
});

import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { MethodContract } from '../../contract/contract.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { permissionDenied, unauthenticated } from '../../security/authorization/errors.ts';
import { invalidToken, tooManyTokens } from '../../security/tokens/errors.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';
import { createAccessLog, createExpiredReport } from './access-log.ts';

const call = { path: '/t.v1.T/Do', startMs: 0, isPastCallersDeadline: false } as HandlerContext;
const expired = { path: '/t.v1.T/Do', startMs: 0, isPastCallersDeadline: true } as HandlerContext;

/** The lines that ends of a call of a method write, at every level. */
function linesOf(idempotency: MethodContract['idempotency'], code: Status, error?: Error, ended = call) {
  const { logger, lines } = captureLog({ level: 'trace' });
  const noteExpired = () => undefined;
  const countRefusal = () => undefined;
  createAccessLog({ idempotency }, { clock: systemClock, logger, noteExpired, countRefusal })(ended, code, error);
  return lines;
}

describe('the access log', () => {
  const path = '/t.v1.T/Do';

  it.each([
    [Status.UNAUTHENTICATED, unauthenticated({ path })],
    [Status.UNAUTHENTICATED, invalidToken({ isBearer: true })],
    [Status.RESOURCE_EXHAUSTED, tooManyTokens()],
    [Status.PERMISSION_DENIED, permissionDenied({ path, subject: 'eve' })],
  ])('leaves denials to the log that limits them (%s)', (code, error) => {
    expect(linesOf('none', code, error)).toMatchObject([{ level: 'debug' }]);
  });

  const refusal = new MeshError(Status.ALREADY_EXISTS, 'THING_EXISTS', 'there is one');

  it.each(['idempotent', 'none'] as const)('logs a refused change as info (%s)', (idempotency) => {
    expect(linesOf(idempotency, Status.ALREADY_EXISTS, refusal)).toMatchObject([
      { level: 'info', method: '/t.v1.T/Do', code: 'ALREADY_EXISTS', err: { reason: 'THING_EXISTS' } },
    ]);
  });

  it('logs a refused query as debug', () => {
    expect(linesOf('no-side-effects', Status.NOT_FOUND, refusal)).toMatchObject([{ level: 'debug' }]);
  });

  it.each([Status.OK, Status.CANCELLED])('does not treat code %i of a change as a refusal', (code) => {
    expect(linesOf('idempotent', code)).toMatchObject([{ level: 'debug' }]);
  });

  it('logs a call that ends at the deadline of its caller as debug, and at the default deadline as warn', () => {
    const code = Status.DEADLINE_EXCEEDED;
    expect(linesOf('idempotent', code, undefined, expired)).toMatchObject([
      { level: 'debug', code: 'DEADLINE_EXCEEDED' },
    ]);
    expect(linesOf('idempotent', code, undefined, call)).toMatchObject([{ level: 'warn', code: 'DEADLINE_EXCEEDED' }]);
  });

  it('reports calls that end at the deadlines of their callers once a minute, and counts all', async () => {
    const { logger, lines } = captureLog({ level: 'trace' });
    const clock = createTestClock();
    const metrics = createPrometheusMetrics({ clock, logger });
    const noteExpired = createExpiredReport({ clock, logger, metrics });
    for (let calls = 0; calls < 1_000; calls += 1) noteExpired(expired);
    expect(lines).toMatchObject([{ level: 'info', calls: 1, method: '/t.v1.T/Do' }]);
    clock.advance(60_000);
    noteExpired(expired);
    expect(lines[1]).toMatchObject({ calls: 1_000 });
    expect((await metrics.scrape()).text).toContain('ordermesh_calls_expired_total 1001');
  });

  it('warns if the server is at fault, even in a query', () => {
    expect(linesOf('no-side-effects', Status.UNAVAILABLE, refusal)).toMatchObject([{ level: 'warn' }]);
  });
});

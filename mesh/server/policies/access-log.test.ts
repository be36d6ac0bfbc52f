import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { MethodContract } from '../../contract/contract.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { systemClock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';
import { createAccessLog } from './access-log.ts';

const call = { path: '/t.v1.T/Do', startMs: 0 } as HandlerContext;

/** The lines that ends of a call of a method write, at every level. */
function linesOf(idempotency: MethodContract['idempotency'], code: Status, error?: Error) {
  const { logger, lines } = captureLog({ level: 'trace' });
  createAccessLog({ idempotency }, { clock: systemClock, logger })(call, code, error);
  return lines;
}

describe('the access log', () => {
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

  it('warns if the server is at fault, even in a query', () => {
    expect(linesOf('no-side-effects', Status.UNAVAILABLE, refusal)).toMatchObject([{ level: 'warn' }]);
  });
});

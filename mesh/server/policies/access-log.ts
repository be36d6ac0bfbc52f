import { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import type { CallRefusalReason } from '../../engines/host-observer.ts';
import type { RequestFault } from '../../engines/request-fault.ts';
import { isServerFault } from '../../errors/codes.ts';
import { rateLimited } from '../../errors/errors.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { permissionDenied, unauthenticated } from '../../security/authorization/errors.ts';
import { invalidToken, tooManyTokens } from '../../security/tokens/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';

/**
 * Writes one line when a call ends, with `error` if the level is above `debug`. A call that ended for a `fault` of its request
 * is counted as refused.
 */
export type AccessLog = (call: HandlerContext, code: Status, error?: unknown, fault?: RequestFault) => void;

export interface AccessLogTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly noteExpired: NoteExpired;
  readonly countRefusal: (reason: CallRefusalReason) => void;
}

/**
 * Creates the access log of a method: `warn` for problems of the server, `info` for refused changes, `debug` otherwise. A call
 * that ends at the deadline of its caller, or for a fault of its request, is no problem of the server. Nor is one of a
 * caller that calls too often, or may not call: a line for each would be what it is limited for, and denials and bad
 * tokens have lines of their own.
 */
export function createAccessLog(
  { idempotency }: Pick<MethodContract, 'idempotency'>,
  { clock, logger, noteExpired, countRefusal }: AccessLogTools,
): AccessLog {
  const levelOfRefusal = idempotency === 'no-side-effects' ? 'debug' : 'info';
  return (call, code, error, fault) => {
    const expired = code === Status.DEADLINE_EXCEEDED && call.isPastCallersDeadline;
    if (expired) noteExpired(call);
    if (fault !== undefined) countRefusal(fault.reason);
    const level =
      expired || fault !== undefined || isLimited(error)
        ? 'debug'
        : isServerFault(code)
          ? 'warn'
          : isFailure(code)
            ? levelOfRefusal
            : 'debug';
    if (!logger.isLevelEnabled(level)) return;
    const durationMs = clock.now() - call.startMs;
    logger[level](
      {
        method: call.path,
        code: Status[code],
        duration_ms: durationMs,
        ...(fault && { reason: fault.reason }),
        ...(level !== 'debug' && error ? { err: error } : {}),
      },
      'call',
    );
  };
}

const limited = [rateLimited, unauthenticated, permissionDenied, invalidToken, tooManyTokens];

/** Whether it is a refusal that callers without any right can cause as often as they like. */
function isLimited(error: unknown): boolean {
  return limited.some((refusal) => refusal.is(error));
}

function isFailure(code: Status): boolean {
  return code !== Status.OK && code !== Status.CANCELLED;
}

/** Notes a call that ended at the deadline of its caller. */
export type NoteExpired = (call: Pick<HandlerContext, 'path' | 'startMs'>) => void;

const lineEveryMs = 60_000;

/**
 * Counts the calls that end at the deadlines of their callers, and logs one line a minute: many of them may mean that the
 * server is too slow.
 */
export function createExpiredReport({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics | undefined;
}): NoteExpired {
  const counter = metrics?.counter(
    'ordermesh_calls_expired_total',
    'Calls that ended at the deadline of their caller, before their response.',
    [],
  );
  let loggedMs = Number.NEGATIVE_INFINITY;
  let calls = 0;
  return ({ path, startMs }) => {
    counter?.add({});
    calls += 1;
    const nowMs = clock.elapsedMs();
    if (nowMs - loggedMs < lineEveryMs) return;
    const fields = { calls, method: path, duration_ms: clock.now() - startMs };
    logger.info(fields, 'calls ended at the deadlines of their callers; the fields after "calls" are of the last one');
    loggedMs = nowMs;
    calls = 0;
  };
}

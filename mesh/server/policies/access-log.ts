import { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';

/** Writes one line when a call ends, with `error` if the level is above `debug`. */
export type AccessLog = (call: HandlerContext, code: Status, error?: unknown) => void;

// These codes point to a problem of the server, the others to one of the caller.
const serverProblems: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

/** Creates the access log of a method: `warn` for problems of the server, `info` for refused changes, `debug` otherwise. */
export function createAccessLog(
  { idempotency }: Pick<MethodContract, 'idempotency'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): AccessLog {
  const levelOfRefusal = idempotency === 'no-side-effects' ? 'debug' : 'info';
  return (call, code, error) => {
    const level = serverProblems.has(code) ? 'warn' : isRefusal(code) ? levelOfRefusal : 'debug';
    if (!logger.isLevelEnabled(level)) return;
    const durationMs = clock.now() - call.startMs;
    logger[level](
      {
        method: call.path,
        code: Status[code],
        duration_ms: durationMs,
        ...(level !== 'debug' && error ? { err: error } : {}),
      },
      'call',
    );
  };
}

function isRefusal(code: Status): boolean {
  return code !== Status.OK && code !== Status.CANCELLED;
}

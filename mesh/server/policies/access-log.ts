import { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';

/** Writes one line for each call that ended; `error` is shown when that is more than `debug`. */
export type AccessLog = (call: HandlerContext, code: Status, error?: unknown) => void;

// What tells of trouble on this side; the other codes tell the caller of its own.
const troubles: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

/**
 * Makes the access log of a method: `warn` for trouble on the side of the server, `info` for a change that was refused,
 * `debug` for any other call.
 */
export function createAccessLog(
  { idempotency }: Pick<MethodContract, 'idempotency'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): AccessLog {
  const levelOfRefusal = idempotency === 'no-side-effects' ? 'debug' : 'info';
  return (call, code, error) => {
    const level = troubles.has(code) ? 'warn' : isRefusal(code) ? levelOfRefusal : 'debug';
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

import { Status } from 'nice-grpc-common';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ServerCall } from './server-call.ts';

/** Writes one line for each call that ended. `error` is shown with its cause when it tells of trouble on this side. */
export type AccessLog = (call: ServerCall, code: Status, error?: unknown) => void;

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

/** Makes the access log: `warn` for trouble on the side of the server, `debug` for any other call. */
export function createAccessLog(clock: Clock, logger: Logger): AccessLog {
  return (call, code, error) => {
    const level = troubles.has(code) ? 'warn' : 'debug';
    if (!logger.isLevelEnabled(level)) return;
    const durationMs = clock.now() - call.startMs;
    logger[level](
      {
        method: call.path,
        code: Status[code],
        duration_ms: durationMs,
        ...(level === 'warn' && error ? { err: error } : {}),
      },
      'call',
    );
  };
}

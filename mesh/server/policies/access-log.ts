import { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import { isServerFault } from '../../errors/codes.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { HandlerContext } from '../handler-context.ts';

/** Writes one line when a call ends, with `error` if the level is above `debug`. */
export type AccessLog = (call: HandlerContext, code: Status, error?: unknown) => void;

/** Creates the access log of a method: `warn` for problems of the server, `info` for refused changes, `debug` otherwise. */
export function createAccessLog(
  { idempotency }: Pick<MethodContract, 'idempotency'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): AccessLog {
  const levelOfRefusal = idempotency === 'no-side-effects' ? 'debug' : 'info';
  return (call, code, error) => {
    const level = isServerFault(code) ? 'warn' : isFailure(code) ? levelOfRefusal : 'debug';
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

function isFailure(code: Status): boolean {
  return code !== Status.OK && code !== Status.CANCELLED;
}

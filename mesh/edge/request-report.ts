import { Status } from 'nice-grpc-common';
import { internal } from '../errors/errors.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { serverDraining } from '../server/errors.ts';
import { createLineLimit, kindOfError } from '../telemetry/line-limit.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { HttpCall } from './http-call.ts';
import { httpStatusOf } from './http-status.ts';

/** Counts and logs what happens to requests. */
export interface RequestReport {
  /** Returns the error for the caller. An unexpected one is logged in full, and sent as INTERNAL with the request id alone. */
  publicError(call: HttpCall, error: unknown): MeshError;
  /**
   * A request has ended, perhaps with `error`. `status` is that of its whole answer. `undefined`: the answer was cut off, by the
   * client unless there is an error.
   */
  ended(call: HttpCall, status: number | undefined, error: MeshError | undefined): void;
}

export interface RequestReportTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What nginx calls a request whose client has left before its answer. */
const clientLeft = 499;
/** Requests that call no method. */
const noContract = 'none';

/**
 * Counts the requests by contract, status and code, and logs each: `warn` for a fault of a server, one line in 10 s for each contract
 * and reason; all others are at `debug`. The code is that of the call: a stream or an answer of gRPC-Web may fail with status 200.
 */
export function createRequestReport({ clock, logger, metrics }: RequestReportTools): RequestReport {
  const limit = createLineLimit(clock);
  const count = metrics.counter(
    'ordermesh_http_requests_total',
    'Requests to the HTTP listener that ended, by their contract, the status of their answer, and the code of their call.',
    ['service', 'status', 'code'],
  );
  const seconds = metrics.counter(
    'ordermesh_http_request_seconds_total',
    'Time from the head of a request to the end of its answer, summed up over all requests.',
    ['service'],
  );
  return {
    publicError(call, error) {
      if (error instanceof MeshError) return error;
      const { path, requestId } = call;
      logger.error({ err: error, method: path, request_id: requestId }, 'HTTP request failed unexpectedly');
      return internal({ requestId }, { cause: error });
    },
    ended(call, answered, error) {
      const status = answered ?? (error === undefined ? clientLeft : httpStatusOf(error));
      const code = codeOf(status, error);
      const service = call.contract || noContract;
      const durationMs = performance.now() - call.startMs;
      count.add({ service, status: String(status), code });
      seconds.add({ service }, durationMs / 1_000);
      const isFault = (error ? httpStatusOf(error) : status) >= 500 && !serverDraining.is(error);
      const line = isFault ? limit(`${service} ${kindOfError(error)}`) : undefined;
      const level = line ? 'warn' : 'debug';
      if (!logger.isLevelEnabled(level)) return;
      const fields = {
        method: call.path,
        status,
        code,
        request_id: call.requestId,
        peer: call.peer,
        subject: call.caller?.subject,
        duration_ms: Math.round(durationMs),
        ...line,
        ...(isFault && { err: error }),
      };
      logger[level](fields, 'HTTP request');
    },
  };
}

/** The name of the code that a request ended with. What the library of Connect refuses by itself has only a status: UNKNOWN. */
function codeOf(status: number, error: MeshError | undefined): string {
  if (error !== undefined) return Status[error.code] ?? 'UNKNOWN';
  if (status === clientLeft) return 'CANCELLED';
  return status < 400 ? 'OK' : 'UNKNOWN';
}

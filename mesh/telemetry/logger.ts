import { pino } from 'pino';
import { withCauses } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { currentScope } from './call-scope.ts';
import { createLogDestination, type LogDestination } from './log-destination.ts';

/** The structured log: one JSON object a line, with request id and trace id of the call that it is written for. */
export type Logger = pino.Logger;

/** Levels by name, `silent` for none. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One for all loggers of the process. */
let standardError: LogDestination | undefined;

/**
 * Makes the logger of a process. It writes to standard error, so that standard output is free for `ready`, and goes on
 * without a log when nobody reads it.
 */
export function createLogger(level: LogLevel): Logger {
  standardError ??= createLogDestination(2);
  return pino(
    {
      level,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: scopeFields,
    },
    standardError,
  );
}

/** An error of the mesh says in words what happened; where it was made is of use only for what nobody expected. */
function describeError(error: Error): object {
  if (!(error instanceof MeshError)) return pino.stdSerializers.err(error);
  return { reason: error.reason, message: withCauses(error) };
}

function scopeFields(): object {
  const scope = currentScope();
  return scope ? { request_id: scope.requestId, trace_id: scope.traceparent.split('-')[1] } : {};
}

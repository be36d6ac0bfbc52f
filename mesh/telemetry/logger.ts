import { pino } from 'pino';
import { MeshError } from '../errors/mesh-error.ts';
import { currentScope } from './call-scope.ts';

/** The structured log: one JSON object a line, with request id and trace id of the call that it is written for. */
export type Logger = pino.Logger;

/** Levels by name, `silent` for none. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Makes the logger of a process. It writes to standard error, so that standard output is free for `ready`. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: scopeFields,
    },
    pino.destination(2),
  );
}

/** An error of the mesh says in words what happened; where it was made is of use only for what nobody expected. */
function describeError(error: Error): object {
  const described = pino.stdSerializers.err(error);
  return error instanceof MeshError ? { reason: error.reason, message: described.message } : described;
}

function scopeFields(): object {
  const scope = currentScope();
  return scope ? { request_id: scope.requestId, trace_id: scope.traceparent.split('-')[1] } : {};
}

import { pino } from 'pino';
import { withCauses } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { currentScope } from './call-scope.ts';
import { createLogDestination, type LogDestination } from './log-destination.ts';

/**
 * The structured log: one JSON object per line, with the request id and trace id of the current call, and who makes it:
 * the `caller`, which is a service, and the `subject`, which is the user. Never roles or tokens.
 */
export type Logger = pino.Logger;

/** Levels by name; `silent` logs nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Shared by all loggers of the process. */
let standardError: LogDestination | undefined;

/**
 * Makes the logger of a process. It writes to standard error, because standard output is for `ready`. If nobody reads the log,
 * the process continues without it.
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

/** A MeshError is logged with its reason and text. Only an unexpected error needs its stack. */
function describeError(error: Error): object {
  if (!(error instanceof MeshError)) return pino.stdSerializers.err(error);
  return { reason: error.reason, message: withCauses(error) };
}

/** Who and what the current call is, for each of its log lines. */
export function scopeFields(): object {
  const scope = currentScope();
  if (scope === undefined) return {};
  const { requestId, traceparent, caller } = scope;
  return {
    request_id: requestId,
    trace_id: traceparent.split('-')[1],
    ...(caller?.subject !== undefined && { subject: caller.subject }),
    ...(caller?.service !== undefined && { caller: caller.service }),
  };
}

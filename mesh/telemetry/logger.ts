import { pino } from 'pino';
import { currentScope } from './call-scope.ts';

/** The structured log: one JSON object a line, with request id and trace id of the call that it is written for. */
export type Logger = pino.Logger;

/** Levels by name, `silent` for none. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Makes the logger of a process. It writes to standard error, so that standard output is free for `ready`. */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, mixin: scopeFields }, pino.destination(2));
}

function scopeFields(): object {
  const scope = currentScope();
  return scope ? { request_id: scope.requestId, trace_id: scope.traceparent.split('-')[1] } : {};
}

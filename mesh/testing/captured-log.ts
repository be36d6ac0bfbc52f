import { pino } from 'pino';
import type { Logger, LogLevel } from '../telemetry/logger.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface CapturedLog {
  readonly logger: Logger;
  /** Grows with each line that is logged. */
  readonly lines: LogLine[];
}

/** Creates a logger that keeps its lines. `level` is the lowest that it keeps; `mixin` adds fields to each line. */
export function captureLog(options: { readonly level?: LogLevel; readonly mixin?: () => object } = {}): CapturedLog {
  const lines: LogLine[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino({ formatters, ...options }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { logger, lines };
}

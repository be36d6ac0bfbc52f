import { pino } from 'pino';
import type { Logger } from '../../telemetry/logger.ts';

/** A line of a log, as far as tests look at it. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger that keeps its lines, from `info` on. */
export function createKeptLog(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino({ level: 'info', formatters }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { logger, lines };
}

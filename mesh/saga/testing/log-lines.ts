import { pino } from 'pino';
import type { Logger } from '../../telemetry/logger.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Creates a logger that keeps its lines, from `info` on. */
export function createKeptLog(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino({ level: 'info', formatters }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { logger, lines };
}

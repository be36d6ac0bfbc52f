import { styleText } from 'node:util';
import { type LogLevel, logLevels } from '../../mesh/telemetry/logger.ts';
import { escapeControls } from '../support/format.ts';

/** The log of a split mesh: the lines of its processes and its own, on standard error. */
export interface Output {
  /** Writes a line that a process wrote. */
  line(process: string, text: string): void;
  /** Writes a line of the supervisor. */
  log(level: 'info' | 'warn' | 'error', text: string): void;
}

export interface OutputOptions {
  readonly write: (text: string) => void;
  /** Passes lines of JSON on, with the name of their process. Default: lines for people. */
  readonly isJson?: boolean;
  readonly hasColors?: boolean;
  /** Of the supervisor's own lines; the processes have their own. Default: `info`. */
  readonly level?: LogLevel;
}

/** The name of the supervisor in the log. */
const supervisor = 'split';
/** Names are padded to this length. */
const nameWidth = 'notification-1'.length;

/** What every line of JSON has; the rest are fields. */
interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function createOutput({ write, isJson, hasColors = false, level = 'info' }: OutputOptions): Output {
  const minLevel = logLevels.indexOf(level);
  const line = (name: string, text: string) => {
    if (!isJson) write(`${readableLine(name, text, hasColors)}\n`);
    else if (parseLine(text)) write(`{"process":${JSON.stringify(name)},${text.slice(1)}\n`);
    else write(`${JSON.stringify({ process: name, level: 'info', time: new Date().toISOString(), msg: text })}\n`);
  };
  return {
    line,
    log(lineLevel, msg) {
      if (logLevels.indexOf(lineLevel) < minLevel) return;
      line(supervisor, JSON.stringify({ level: lineLevel, time: new Date().toISOString(), msg }));
    },
  };
}

/** `12:03:04 order-2        warn  text key=value`, followed by the stack of an unexpected error. */
function readableLine(name: string, text: string, hasColors: boolean): string {
  const parsed = parseLine(text);
  const paddedName = name.padEnd(nameWidth);
  if (parsed === undefined) return `${clock(new Date())} ${paddedName} ${escapeControls(text)}`;
  const { level, time, msg, pid: _, err, ...fields } = parsed;
  const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${shownValue(value)}`);
  const { text: problem, stack } = describeError(err);
  const line = `${clock(new Date(time))} ${paddedName} ${colored(level, hasColors)} ${escapeControls(msg + problem + shown.join(''))}`;
  return [line, ...stack].join('\n');
}

/** Returns the fields of a line that is JSON, as the processes log it. */
function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const line: Partial<LogLine> = JSON.parse(text);
    const { level, time, msg } = line;
    const isComplete = [level, time, msg].every((value) => typeof value === 'string');
    return isComplete ? (line as LogLine) : undefined;
  } catch {
    return undefined;
  }
}

function clock(time: Date): string {
  return time.toTimeString().slice(0, 'hh:mm:ss'.length);
}

function colored(level: string, hasColors: boolean): string {
  const padded = level.padEnd('error'.length);
  if (!hasColors) return padded;
  if (level === 'warn') return styleText('yellow', padded, { validateStream: false });
  return level === 'error' || level === 'fatal' ? styleText('red', padded, { validateStream: false }) : padded;
}

function describeError(err: unknown): { readonly text: string; readonly stack: readonly string[] } {
  if (typeof err !== 'object' || err === null) return { text: '', stack: [] };
  const { message, stack } = err as { readonly message?: unknown; readonly stack?: unknown };
  const lines = typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  return { text: `: ${message}`, stack: lines.map(escapeControls) };
}

function shownValue(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}

import { type DestinationStream, symbols } from 'pino';
import { isOutage } from '../errors/codes.ts';
import { messageOf } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Clock } from '../time/clock.ts';
import type { Logger } from './logger.ts';

export interface FailedAttempt {
  readonly err: unknown;
  readonly [field: string]: unknown;
}

export interface FailedAttemptOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Default: `error`. */
  readonly level?: 'error' | 'warn';
  /** How many attempts in a row have failed. Default: 1. */
  readonly failures?: number;
}

interface Logged {
  readonly level: 'error' | 'warn';
  readonly lastMs: number;
}

/** A cause is over when nothing has met it for this long. Health checks meet an outage every 5 s. */
const forgottenAfterMs = 30_000;

/** By the output of the log, which the loggers of a process share. */
const causesByOutput = new WeakMap<DestinationStream, Map<string, Logged>>();

/**
 * Logs a failed attempt that is retried. When a broker or a database is away, every part that needs it fails: the first is
 * logged, and the others with the same cause are at `debug`, until nothing has met that cause for 30 s. Any other failure is
 * logged by each part: the first in a row, and one that follows failures of another cause.
 */
export function logFailedAttempt(
  { logger, clock, level = 'error', failures = 1 }: FailedAttemptOptions,
  attempt: FailedAttempt,
  text: string,
): void {
  const outage = outageOf(attempt.err);
  const isKnown = meet(outage ?? `${text}: ${kindOf(attempt.err)}`, level, logger, clock.elapsedMs());
  const isFirst = outage === undefined && failures === 1;
  if (isKnown && !isFirst) logger.debug({ ...attempt, failures }, text);
  else logger[level](attempt, text);
}

/** Returns whether the cause is already logged, at this level or a higher one. */
function meet(cause: string, level: Logged['level'], logger: Logger, nowMs: number): boolean {
  const causes = causesOf(logger);
  for (const [each, { lastMs }] of causes) if (nowMs - lastMs >= forgottenAfterMs) causes.delete(each);
  const logged = causes.get(cause);
  const isKnown = logged !== undefined && (logged.level === 'error' || level === 'warn');
  causes.set(cause, { level: isKnown ? logged.level : level, lastMs: nowMs });
  return isKnown;
}

/** Returns the cause that other parts meet too; `undefined` if the error is not an outage. */
function outageOf(error: unknown): string | undefined {
  if (!(error instanceof MeshError && isOutage(error))) return undefined;
  return `${error.reason}: ${messageOf(rootOf(error))}`;
}

/** Without its text, which may be another for each attempt. */
function kindOf(error: unknown): string {
  if (error instanceof MeshError) return error.reason;
  return error instanceof Error ? error.name : typeof error;
}

function causesOf(logger: Logger): Map<string, Logged> {
  const output = Reflect.get(logger, symbols.streamSym) as DestinationStream;
  const causes = causesByOutput.get(output) ?? new Map<string, Logged>();
  causesByOutput.set(output, causes);
  return causes;
}

/** Texts of the outer errors name databases, topics and the like; the root is the same for all. */
function rootOf(error: Error): unknown {
  return error.cause instanceof Error ? rootOf(error.cause) : (error.cause ?? error);
}

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
  level: 'error' | 'warn';
  readonly firstMs: number;
  lastMs: number;
  /** When a part could use the server again. */
  endedMs?: number;
}

/** A cause is over when nothing has met it for this long. Health checks meet an outage every 5 s. */
const forgottenAfterMs = 30_000;
/** An outage of a server that lasts this long is an error. Until then, servers restart. */
const lastingMs = 30_000;
/** Parts that still wait for an answer of the time before meet an outage that is over. */
const stragglingMs = 10_000;

/** By the output of the log, which the loggers of a process share. */
const causesByOutput = new WeakMap<DestinationStream, Map<string, Logged>>();

/**
 * Logs a failed attempt that is retried. When a server is away, every part that needs it fails: the first is logged, and the
 * others with the same cause are at `debug`, until nothing has met that cause for 30 s. A broker or a database that is away
 * is logged at `warn`, any text of it, and again at `error` if that lasts 30 s. Any other failure is logged by each part: the
 * first in a row, and one that follows failures of another cause.
 */
export function logFailedAttempt(
  { logger, clock, level = 'error', failures = 1 }: FailedAttemptOptions,
  attempt: FailedAttempt,
  text: string,
): void {
  const nowMs = clock.elapsedMs();
  const causes = causesOf(logger, nowMs);
  const server = awayServerOf(attempt.err);
  if (server !== undefined) {
    const levelNow = meetOutage(causes, server, nowMs);
    logger[levelNow](levelNow === 'debug' ? { ...attempt, failures } : attempt, text);
    return;
  }
  const outage = outageOf(attempt.err);
  const isKnown = meet(causes, outage ?? `${text}: ${kindOf(attempt.err)}`, level, nowMs);
  const isFirst = outage === undefined && failures === 1;
  if (isKnown && !isFirst) logger.debug({ ...attempt, failures }, text);
  else logger[level](attempt, text);
}

/** Logs that an attempt succeeded after failures, of which `err` was the last: the return of a server once for all parts. */
export function logRecovery(
  { logger, clock }: Pick<FailedAttemptOptions, 'logger' | 'clock'>,
  { err, ...fields }: FailedAttempt,
  text: string,
): void {
  const server = awayServerOf(err);
  if (server === undefined) {
    logger.info(fields, text);
    return;
  }
  const nowMs = clock.elapsedMs();
  const known = causesOf(logger, nowMs).get(server);
  if (known === undefined || known.endedMs !== undefined) {
    logger.debug(fields, text);
    return;
  }
  known.endedMs = nowMs;
  logger.info({ ...fields, failing_s: Math.round((nowMs - known.firstMs) / 1_000) }, text);
}

/** Returns the level at which an outage of a server is logged now. */
function meetOutage(causes: Map<string, Logged>, server: string, nowMs: number): Logged['level'] | 'debug' {
  const known = causes.get(server);
  const isOver = known?.endedMs !== undefined && nowMs - known.endedMs >= stragglingMs;
  if (known === undefined || isOver) {
    causes.set(server, { level: 'warn', firstMs: nowMs, lastMs: nowMs });
    return 'warn';
  }
  known.lastMs = nowMs;
  const isLasting = known.endedMs === undefined && nowMs - known.firstMs >= lastingMs;
  if (!isLasting || known.level === 'error') return 'debug';
  known.level = 'error';
  return 'error';
}

/** Returns whether the cause is already logged, at this level or a higher one. */
function meet(causes: Map<string, Logged>, cause: string, level: Logged['level'], nowMs: number): boolean {
  const logged = causes.get(cause);
  const isKnown = logged !== undefined && (logged.level === 'error' || level === 'warn');
  causes.set(cause, {
    level: isKnown ? logged.level : level,
    firstMs: logged?.firstMs ?? nowMs,
    lastMs: nowMs,
  });
  return isKnown;
}

/** The errors of a broker, of which a process has one, whatever it answers while it starts and stops. */
const brokerReasons: ReadonlySet<string> = new Set(['EVENTS_UNAVAILABLE', 'TASKS_UNAVAILABLE']);
const databaseReason = 'STORAGE_UNAVAILABLE';
const databaseAway =
  /E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_)|terminat|starting up|shutting down|recovery mode|timeout|closed|connection error/i;

/** Returns the server that is away; `undefined` if the error says something else. */
function awayServerOf(error: unknown): string | undefined {
  if (!(error instanceof MeshError)) return undefined;
  if (brokerReasons.has(error.reason)) return error.reason;
  const isAway = error.reason === databaseReason && databaseAway.test(messageOf(rootOf(error)));
  return isAway ? databaseReason : undefined;
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

function causesOf(logger: Logger, nowMs: number): Map<string, Logged> {
  const output = Reflect.get(logger, symbols.streamSym) as DestinationStream;
  const causes = causesByOutput.get(output) ?? new Map<string, Logged>();
  causesByOutput.set(output, causes);
  for (const [cause, { lastMs }] of causes) if (nowMs - lastMs >= forgottenAfterMs) causes.delete(cause);
  return causes;
}

/** Texts of the outer errors name databases, topics and the like; the root is the same for all. */
function rootOf(error: Error): unknown {
  return error.cause instanceof Error ? rootOf(error.cause) : (error.cause ?? error);
}

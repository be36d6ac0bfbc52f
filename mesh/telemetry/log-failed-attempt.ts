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
  loggedMs: number;
}

interface Outage extends Logged {
  /** When its texts were met first; infinite for those before the last `error`. */
  readonly texts: Map<string, number>;
  /** When a part could use the server again. */
  endedMs?: number;
}

/** How a failure is logged now. */
interface Line {
  readonly level: Logged['level'] | 'debug';
  /** Of a cause that was logged before. */
  readonly failing_s?: number;
}

/** The causes that the log of a process has now. */
interface Causes {
  readonly outages: Map<string, Outage>;
  readonly others: Map<string, Logged>;
}

/** A cause is over when nothing has met it for this long. Health checks meet an outage every 5 s. */
const forgottenAfterMs = 30_000;
/** An outage of a server that lasts this long is an error. Until then, servers restart. */
const lastingMs = 30_000;
/** Parts that still wait for an answer of the time before meet an outage that is over. */
const stragglingMs = 10_000;
/** A cause that lasts is logged again after this long. */
const repeatedMs = 600_000;

/** By the output of the log, which the loggers of a process share. */
const causesByOutput = new WeakMap<DestinationStream, Causes>();

/**
 * Logs a failed attempt that is retried. When a server is away, every part that needs it fails: the first is logged, and the
 * others with the same cause are at `debug`, until nothing has met that cause for 30 s. A broker or a database server that is
 * away is logged at `warn`, any text of it; and at `error` if that lasts 30 s, as does another text after that. Any other
 * failure is logged by each part: the first in a row, and one that follows failures of another cause. What lasts is logged
 * again every 10 minutes.
 */
export function logFailedAttempt(
  { logger, clock, level = 'error', failures = 1 }: FailedAttemptOptions,
  attempt: FailedAttempt,
  text: string,
): void {
  const line = lineOf(attempt.err, { causes: causesOf(logger, clock.elapsedMs()), text, level, failures, clock });
  if (line.level === 'debug') logger.debug({ ...attempt, failures }, text);
  else logger[line.level]({ ...attempt, ...(line.failing_s && { failing_s: line.failing_s }) }, text);
}

interface Failure extends Required<Pick<FailedAttemptOptions, 'level' | 'failures' | 'clock'>> {
  readonly causes: Causes;
  readonly text: string;
}

function lineOf(error: unknown, { causes, text, level, failures, clock }: Failure): Line {
  const nowMs = clock.elapsedMs();
  const server = awayServerOf(error);
  if (server !== undefined) return meetOutage(causes.outages, server, answerOf(error), nowMs);
  const outage = outageOf(error);
  const line = meet(causes.others, outage ?? `${text}: ${kindOf(error)}`, level, nowMs);
  const isFirst = outage === undefined && failures === 1;
  return line.level === 'debug' && isFirst ? { level } : line;
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
  const known = causesOf(logger, nowMs).outages.get(server);
  if (known === undefined || known.endedMs !== undefined) {
    logger.debug(fields, text);
    return;
  }
  known.endedMs = nowMs;
  logger.info({ ...fields, failing_s: secondsSince(known, nowMs) }, text);
}

function meetOutage(outages: Map<string, Outage>, server: string, text: string, nowMs: number): Line {
  const known = outages.get(server);
  const isOver = known?.endedMs !== undefined && nowMs - known.endedMs >= stragglingMs;
  if (known === undefined || isOver) {
    const texts = new Map([[text, nowMs]]);
    outages.set(server, { level: 'warn', firstMs: nowMs, lastMs: nowMs, loggedMs: nowMs, texts });
    return { level: 'warn' };
  }
  known.lastMs = nowMs;
  const textMs = known.texts.get(text) ?? nowMs;
  known.texts.set(text, textMs);
  const sinceMs = known.level === 'warn' ? known.firstMs : textMs;
  const isDue = nowMs - sinceMs >= lastingMs || nowMs - known.loggedMs >= repeatedMs;
  if (known.endedMs !== undefined || !isDue) return { level: 'debug' };
  known.level = 'error';
  known.loggedMs = nowMs;
  for (const met of known.texts.keys()) known.texts.set(met, Number.POSITIVE_INFINITY);
  return { level: 'error', failing_s: secondsSince(known, nowMs) };
}

/** At `debug` if the cause was logged in the last 10 minutes, at this level or a higher one. */
function meet(causes: Map<string, Logged>, cause: string, level: Logged['level'], nowMs: number): Line {
  const known = causes.get(cause);
  const isRaised = known?.level === 'warn' && level === 'error';
  if (known === undefined || isRaised) {
    causes.set(cause, { level, firstMs: known?.firstMs ?? nowMs, lastMs: nowMs, loggedMs: nowMs });
    return { level };
  }
  known.lastMs = nowMs;
  if (nowMs - known.loggedMs < repeatedMs) return { level: 'debug' };
  known.loggedMs = nowMs;
  return { level: known.level, failing_s: secondsSince(known, nowMs) };
}

function secondsSince({ firstMs }: Logged, nowMs: number): number {
  return Math.round((nowMs - firstMs) / 1_000);
}

/** The errors of a broker, of which a process has one, whatever it answers while it starts and stops. */
const brokerReasons: ReadonlySet<string> = new Set(['EVENTS_UNAVAILABLE', 'TASKS_UNAVAILABLE']);
const databaseReason = 'STORAGE_UNAVAILABLE';
/** Not the timeouts of statements, locks and pools, which concern one database of a server that works. */
const databaseAway =
  /E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_)|terminat|starting up|shutting down|recovery mode|timeout expired|connection error/i;

/** Returns the server that is away; `undefined` if the error says something else, such as that it refuses a password. */
function awayServerOf(error: unknown): string | undefined {
  if (!(error instanceof MeshError)) return undefined;
  if (brokerReasons.has(error.reason)) return error.reason;
  const isAway = error.reason === databaseReason && databaseAway.test(messageOf(rootOf(error)));
  return isAway ? `${databaseReason} ${error.host}` : undefined;
}

/** The answer of a server, the same for all its hosts, ports and partitions. */
function answerOf(error: unknown): string {
  return messageOf(error instanceof Error ? rootOf(error) : error).replaceAll(/\d+/g, '#');
}

/** Returns the cause that other parts meet too; `undefined` if the error is not an outage. */
function outageOf(error: unknown): string | undefined {
  if (!(error instanceof MeshError && isOutage(error))) return undefined;
  return `${error.reason} ${error.host}: ${messageOf(rootOf(error))}`;
}

/** Without its text, which may be another for each attempt. */
function kindOf(error: unknown): string {
  if (error instanceof MeshError) return error.reason;
  return error instanceof Error ? error.name : typeof error;
}

function causesOf(logger: Logger, nowMs: number): Causes {
  const output = Reflect.get(logger, symbols.streamSym) as DestinationStream;
  const causes = causesByOutput.get(output) ?? { outages: new Map(), others: new Map() };
  causesByOutput.set(output, causes);
  for (const met of [causes.outages, causes.others])
    for (const [cause, { lastMs }] of met) if (nowMs - lastMs >= forgottenAfterMs) met.delete(cause);
  return causes;
}

/** Texts of the outer errors name databases, topics and the like; the root is the same for all. */
function rootOf(error: Error): unknown {
  // A refused connection to a name with several addresses, without a text.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return rootOf(error.errors[0]);
  return error.cause instanceof Error ? rootOf(error.cause) : (error.cause ?? error);
}

import { ConfigError, readConfig } from '../config/config.ts';
import { findMisspellings } from '../config/misspelt.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { serviceNameOf } from './directory.ts';
import type { CreateService } from './service.ts';
import type { Unended } from './shutdown.ts';
import { beginApp } from './start-app.ts';

/** All ended: calls, background work, connections, databases. */
const exitEnded = 0;
/** Something was cut off, or broke. The next start takes it up, but for databases that were taken from the process. */
const exitCutOff = 1;
/** The process could not start for its settings or surroundings. */
const exitCannotStart = 2;

/**
 * Runs services as this process: prints one line that starts with `ready` when all of it serves, and drains on SIGTERM or
 * SIGINT. It exits with 0 when all has ended, and with 1 within `DRAIN_TIMEOUT_MS` and 3 s when something hangs, which the
 * log names, or immediately when another signal comes a second or more after the first. What keeps it from starting is one
 * clear line an item, exit 2.
 */
export async function runApp(creators: readonly CreateService[]): Promise<void> {
  const startTimeMs = performance.now();
  goOnWithoutReader();
  try {
    const contracts = await readDeclaredServices(contractDescriptors);
    const names = [...new Set(contracts.map(serviceNameOf))].toSorted();
    const config = readConfig(process.env, names);
    const logger = createLogger(config.logLevel);
    endOnCrash(logger);
    warnOfMisspellings(logger);
    const starting = beginApp(config, creators, logger);
    const isEnding = endOnSignal(logger, starting.stop);
    const app = await starting.ready.catch((error: unknown) => {
      // What it opens is being closed under it: no reason of its own.
      if (isEnding()) return undefined;
      throw error;
    });
    if (app === undefined || isEnding()) return;
    const { address, metricsAddress: metrics } = app;
    const services = app.services.map((service) => service.name).join(',');
    const tookMs = Math.round(performance.now() - startTimeMs);
    logger.info({ grpc: address, metrics, services, data: config.dataDir, took_ms: tookMs }, 'ready');
    const where = metrics === undefined ? `grpc=${address}` : `grpc=${address} metrics=${metrics}`;
    process.stdout.write(
      `ready ${where} services=${services} data=${config.dataDir} pid=${process.pid} in ${tookMs} ms\n`,
    );
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(exitCannotStart);
  }
}

/** Who started it may read up to `ready` only, or nothing: an error of these streams is not one of the process. */
function goOnWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function warnOfMisspellings(logger: Logger): void {
  const found = findMisspellings(process.env);
  if (found.length > 0) logger.warn({ found }, 'variables are not read that look like misspelt settings');
}

function describe(error: unknown): string {
  if (error instanceof ConfigError)
    return error.faults.length === 1 ? error.message : `cannot start:\n${error.message}`;
  if (error instanceof MeshError) return `cannot start: ${error.message}`;
  return `cannot start: ${error instanceof Error ? error.stack : String(error)}`;
}

/** Nothing accepted lives in memory alone, so ending and starting again is the safe answer to a broken invariant. */
function endOnCrash(logger: Logger): void {
  const crash = (error: unknown) => {
    logger.fatal({ err: error }, 'unexpected error: the process ends, and goes on where it was when started again');
    process.exit(exitCutOff);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

const lostText =
  'stopped; the databases under "lost" were deleted, moved or replaced while it ran: what they had is only where they ' +
  'were moved, in copies made before this (/proc/<pid>/fd) or in a backup';

// One Ctrl-C or SIGTERM comes twice where make, npm or a supervisor passes on what the whole process group has got.
const sameSignalMs = 1_000;

/** Ends the process on a signal, also while it starts. Returns whether one has come. */
function endOnSignal(logger: Logger, stop: () => Promise<readonly Unended[]>): () => boolean {
  let firstMs: number | undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (firstMs !== undefined) {
      if (performance.now() - firstMs >= sameSignalMs) process.exit(exitCutOff);
      return;
    }
    firstMs = performance.now();
    logger.info(
      { signal },
      'draining: finishing what is under way; another signal, a second from now, ends it immediately',
    );
    const unended = await stop();
    logEnd(logger, unended, Math.round(performance.now() - firstMs));
    process.exit(unended.length === 0 ? exitEnded : exitCutOff);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  return () => firstMs !== undefined;
}

function logEnd(logger: Logger, unended: readonly Unended[], tookMs: number): void {
  const [lost, cutOff] = [true, false].map((isLost) =>
    unended.filter(({ error }) => isStorageLost(error) === isLost).map(({ part }) => part),
  );
  const fields = { took_ms: tookMs, ...(cutOff?.length && { cut_off: cutOff }), ...(lost?.length && { lost }) };
  if (unended.length === 0) logger.info(fields, 'stopped');
  else if (lost?.length) logger.error(fields, lostText);
  else logger.error(fields, 'stopped; what did not end is taken up by the next start');
}

function isStorageLost(error: unknown): boolean {
  return error instanceof MeshError && error.reason === 'STORAGE_LOST';
}

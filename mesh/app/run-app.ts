import { ConfigError, readConfig } from '../config/config.ts';
import { findMisspellings } from '../config/misspelt.ts';
import { processSettings } from '../config/process-settings.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { storageLost } from '../storage/errors.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { serviceNameOf } from './directory.ts';
import type { ServiceDefinition } from './service.ts';
import type { Unended } from './shutdown.ts';
import { beginApp } from './start-app.ts';

/** All ended: calls, background work, connections, databases. */
const exitEnded = 0;
/** Something was cut off, or broke. The next start takes it up, but for databases that were taken from the process. */
const exitCutOff = 1;
/** The process could not start for its settings or surroundings. */
const exitCannotStart = 2;

export interface RunOptions {
  /** The names of the services to run. Default, also when empty: all. */
  readonly only?: readonly string[];
}

/**
 * Runs services as this process: prints one line that starts with `ready` when all of it serves, and drains on SIGTERM or
 * SIGINT. It exits with 0 when all has ended, and with 1 within `DRAIN_TIMEOUT_MS` and 3 s when something hangs, which the
 * log names, or immediately when another signal comes a second or more after the first. What keeps it from starting is
 * printed, one clear line an item, and it exits with 2. The settings of all services are checked, whichever run.
 */
export async function runApp(services: readonly ServiceDefinition[], { only = [] }: RunOptions = {}): Promise<void> {
  const startTimeMs = performance.now();
  goOnWithoutReader();
  try {
    const contracts = await readDeclaredServices(contractDescriptors);
    const names = [...new Set(contracts.map(serviceNameOf))].toSorted();
    const chosen = choose(services, only);
    const settings = services.flatMap((service) => service.settings);
    const config = readConfig(process.env, { settings, services: names });
    const logger = createLogger(config.logLevel);
    endOnCrash(logger);
    warnOfMisspellings(
      logger,
      [...Object.values(processSettings), ...settings].map(({ variable }) => variable),
    );
    const starting = beginApp(config, chosen, logger);
    const isEnding = endOnSignal(logger, starting.stop);
    const app = await starting.ready.catch((error: unknown) => {
      // What it opens is being closed under it: no reason of its own.
      if (isEnding()) return undefined;
      throw error;
    });
    if (app === undefined || isEnding()) return;
    const { address, metricsAddress: metrics } = app;
    const running = app.services.map((service) => service.name).join(',');
    const tookMs = Math.round(performance.now() - startTimeMs);
    logger.info({ grpc: address, metrics, services: running, data: config.dataDir, took_ms: tookMs }, 'ready');
    const where = metrics === undefined ? `grpc=${address}` : `grpc=${address} metrics=${metrics}`;
    process.stdout.write(
      `ready ${where} services=${running} data=${config.dataDir} pid=${process.pid} in ${tookMs} ms\n`,
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

/** The services of these names, in the order of all. */
function choose(services: readonly ServiceDefinition[], names: readonly string[]): readonly ServiceDefinition[] {
  const known = services.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const problem = `names no service with ${unknown.join(', ')}: it may name ${known.join(', ')}`;
    throw new ConfigError([{ variable: 'the command line', problem }]);
  }
  return names.length === 0 ? services : services.filter(({ name }) => names.includes(name));
}

function warnOfMisspellings(logger: Logger, settings: readonly string[]): void {
  const found = findMisspellings(process.env, settings);
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
    unended.filter(({ error }) => storageLost.is(error) === isLost).map(({ part }) => part),
  );
  const fields = { took_ms: tookMs, ...(cutOff?.length && { cut_off: cutOff }), ...(lost?.length && { lost }) };
  if (unended.length === 0) logger.info(fields, 'stopped');
  else if (lost?.length) logger.error(fields, lostText);
  else logger.error(fields, 'stopped; what did not end is taken up by the next start');
}

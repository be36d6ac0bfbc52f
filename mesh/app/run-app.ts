import { ConfigError, readConfig } from '../config/config.ts';
import { findMisspellings } from '../config/misspelt.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import type { CreateService } from './service.ts';
import { type App, startApp } from './start-app.ts';

/** The exit code of a process that could not start for its settings or surroundings. */
const exitCannotStart = 2;

/**
 * Runs services as this process: prints one line that starts with `ready` when all of it serves, drains on SIGTERM or
 * SIGINT and exits 0; a signal that comes a second or more after the first ends it at once. What keeps it from starting
 * is one clear line an item, exit 2.
 */
export async function runApp(creators: readonly CreateService[]): Promise<void> {
  const startTimeMs = performance.now();
  try {
    const config = readConfig(process.env);
    const logger = createLogger(config.logLevel);
    endOnCrash(logger);
    warnOfMisspellings(logger);
    let app: App | undefined;
    endOnSignal(logger, async () => app?.stop());
    app = await startApp(config, creators, logger);
    const { address, metricsAddress: metrics } = app;
    const names = app.services.map((service) => service.name).join(',');
    const tookMs = Math.round(performance.now() - startTimeMs);
    logger.info({ grpc: address, metrics, services: names, data: config.dataDir, took_ms: tookMs }, 'ready');
    const where = metrics === undefined ? `grpc=${address}` : `grpc=${address} metrics=${metrics}`;
    process.stdout.write(
      `ready ${where} services=${names} data=${config.dataDir} pid=${process.pid} in ${tookMs} ms\n`,
    );
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(exitCannotStart);
  }
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

/** Nothing accepted lives in memory alone, so ending and starting anew is the safe answer to a broken invariant. */
function endOnCrash(logger: Logger): void {
  const crash = (error: unknown) => {
    logger.fatal({ err: error }, 'unexpected error: the process ends, and goes on where it was when started again');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

// One Ctrl-C or SIGTERM comes twice where make, npm or a supervisor passes on what the whole process group has got.
const sameSignalMs = 1_000;

function endOnSignal(logger: Logger, stop: () => Promise<void>): void {
  let firstMs: number | undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (firstMs !== undefined) {
      if (performance.now() - firstMs >= sameSignalMs) process.exit(1);
      return;
    }
    firstMs = performance.now();
    logger.info({ signal }, 'draining: finishing what is under way; another signal, a second from now, ends at once');
    await stop();
    logger.info({ took_ms: Math.round(performance.now() - firstMs) }, 'stopped');
    process.exit(0);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

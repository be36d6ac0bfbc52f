import cluster from 'node:cluster';
import { ConfigError, readConfig } from '../config/config.ts';
import { findMisspellings } from '../config/misspellings.ts';
import { processSettings } from '../config/process-settings.ts';
import type { AnySetting } from '../config/setting.ts';
import { filesReadByOthers, variablesOf } from '../config/setting-files.ts';
import { ContractError } from '../contract/contract-error.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { gatewayName, serviceNameOf } from '../discovery/discovery.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { keepPrivate } from '../processes/keep-private.ts';
import { startErrorText, storageFlushFailed, storageLost } from '../storage/errors.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import type { ServiceDefinition } from './service/service.ts';
import type { Unended } from './shutdown.ts';
import { beginApp } from './start-app.ts';

/** Everything has ended: calls, background work, connections, databases. */
const exitEnded = 0;
/** Something was cut off or failed. The next start resumes it, unless its database was removed. */
const exitCutOff = 1;
/** The process could not start because of its settings or surroundings. */
const exitCannotStart = 2;

export interface RunOptions {
  /** The names of the services to run. Default, also when empty: all. */
  readonly only?: readonly string[];
  /** Parts of every process, whichever services it runs. A service with the same name takes the place of such a part. */
  readonly always?: readonly ServiceDefinition[];
}

/**
 * Runs services as this process. Prints a line that starts with `ready` once all of them serve, and drains on SIGTERM or
 * SIGINT. The process exits with 0 once everything has ended. It exits with 1 after at most `DRAIN_TIMEOUT_MS` + 3 s if
 * something hangs, which the log names, or immediately on a second signal at least a second after the first. If it cannot
 * start, it prints one line for each reason and exits with 2. The settings of all services are checked, whichever run.
 */
export async function runApp(
  services: readonly ServiceDefinition[],
  { only = [], always = [] }: RunOptions = {},
): Promise<void> {
  const startTimeMs = performance.now();
  ignoreLostReader();
  keepPrivate();
  try {
    const contracts = await readDeclaredServices(contractDescriptors);
    const names = [...new Set([...contracts.map(serviceNameOf), gatewayName])].toSorted();
    const chosen = choose(services, only);
    const parts = always.filter(({ name }) => !chosen.some((service) => service.name === name));
    const settings = services.flatMap((service) => service.settings);
    const config = readConfig(process.env, { settings, services: names });
    const logger = createLogger(config.logLevel);
    endOnCrash(logger);
    warnOfSettings(logger, [...Object.values(processSettings), ...settings]);
    const starting = beginApp(config, [...chosen, ...parts], logger);
    const isEnding = endOnSignal(logger, starting.stop);
    const app = await starting.ready.catch((error: unknown) => {
      // The shutdown closed what the start was using: that failure is no reason of its own.
      if (isEnding()) return undefined;
      throw error;
    });
    if (app === undefined || isEnding()) return;
    const { address, httpAddress, metricsAddress } = app;
    const grpc = listeningAt(config.grpcListen, address);
    const http = httpAddress && listeningAt(config.httpListen, httpAddress);
    const metrics = metricsAddress && listeningAt(config.metricsListen, metricsAddress);
    const safeguards = { tls: onOff(config.tlsCert), tokens: onOff(config.authJwks) };
    const running = chosen.map(({ name }) => name).join(',');
    const tookMs = Math.round(performance.now() - startTimeMs);
    const { database, events, tasks } = app.runtime.info;
    const adapters = database === '' ? {} : { database, events, tasks };
    logger.info(
      { grpc, http, metrics, services: running, ...adapters, ...safeguards, data: config.dataDir, took_ms: tookMs },
      'ready',
    );
    const shown = {
      grpc,
      http,
      metrics,
      services: running,
      data: config.dataDir,
      ...adapters,
      ...safeguards,
      pid: process.pid,
    };
    const fields = Object.entries(shown).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
    process.stdout.write(`ready ${fields.join(' ')} in ${tookMs} ms\n`);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(exitCannotStart);
  }
}

/** Where a listener can be reached from: the host that was set, and the port that it has. */
function listeningAt(listen: string, address: string): string {
  return `${listen.slice(0, listen.lastIndexOf(':'))}${address.slice(address.lastIndexOf(':'))}`;
}

function onOff(setting: string): 'on' | 'off' {
  return setting === '' ? 'off' : 'on';
}

/** Whoever started the process may stop reading its output: errors of these streams are not errors of the process. */
function ignoreLostReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** The services of these names, in the order of all. */
function choose(services: readonly ServiceDefinition[], names: readonly string[]): readonly ServiceDefinition[] {
  const known = services.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const problem = `names ${unknown.join(', ')}, which is no service: use ${known.join(', ')}`;
    throw new ConfigError([{ variable: 'the command line', problem }]);
  }
  return names.length === 0 ? services : services.filter(({ name }) => names.includes(name));
}

function warnOfSettings(logger: Logger, settings: readonly AnySetting[]): void {
  const found = findMisspellings(process.env, variablesOf(settings));
  if (found.length > 0) logger.warn({ found }, 'unknown environment variables look like misspelt settings');
  const files = filesReadByOthers(process.env, settings);
  if (files.length > 0) logger.warn({ files }, 'every user of this machine can read files with secrets');
}

function describe(error: unknown): string {
  if (error instanceof ConfigError) return `cannot start:${error.faults.length === 1 ? ' ' : '\n'}${error.message}`;
  if (error instanceof MeshError) return `cannot start: ${startErrorText(error)}`;
  if (error instanceof ContractError) return `cannot start: ${error.message}`;
  return `cannot start: ${error instanceof Error ? error.stack : String(error)}`;
}

/** Nothing accepted is in memory only, so a restart is the safe answer to a broken invariant. */
function endOnCrash(logger: Logger): void {
  const crash = (error: unknown) => {
    logger.fatal({ err: error }, 'unexpected error; exiting (work resumes on restart)');
    process.exit(exitCutOff);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

const lostText =
  'stopped; the databases under "lost" were deleted, moved or replaced while the process ran: recover them from where ' +
  'they were moved, from copies made before the stop (/proc/<pid>/fd), or from a backup';

const unwrittenText =
  'stopped; the disk failed to write the databases under "unwritten": check or replace it, then start again; what callers ' +
  'were answered is kept, the rest resumes or is to be repeated with its request_id';

// make, npm and supervisors forward a signal that the whole process group has already received.
const sameSignalMs = 1_000;

/** Ends the process on a signal, even while it starts. The returned function reports whether one was received. */
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
      'draining: finishing work in progress; a second signal, after at least a second, ends it immediately',
    );
    const unended = await stop();
    logEnd(logger, unended, Math.round(performance.now() - firstMs));
    process.exit(unended.length === 0 ? exitEnded : exitCutOff);
  };
  process.on('SIGTERM', end);
  // Ctrl-C reaches the whole process group. The workers of a cluster leave it to their primary, which ends them.
  process.on('SIGINT', cluster.isWorker ? () => undefined : end);
  return () => firstMs !== undefined;
}

function logEnd(logger: Logger, unended: readonly Unended[], tookMs: number): void {
  const parts = Object.groupBy(unended, ({ error }) => endOf(error));
  const named = Object.entries(parts).map(([end, of]) => [end, of.map(({ part }) => part)]);
  const fields = { took_ms: tookMs, ...Object.fromEntries(named) };
  if (unended.length === 0) logger.info(fields, 'stopped');
  else if (parts.lost) logger.error(fields, lostText);
  else if (parts.unwritten) logger.error(fields, unwrittenText);
  else logger.error(fields, 'stopped; the next start resumes what did not end');
}

/** The field of the last log line that names a part which ended with this error. */
function endOf(error: unknown): 'lost' | 'unwritten' | 'cut_off' {
  if (storageLost.is(error)) return 'lost';
  return storageFlushFailed.is(error) ? 'unwritten' : 'cut_off';
}

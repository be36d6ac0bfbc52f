import { Status } from 'nice-grpc-common';
import { dialAddress, isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { engineByName } from '../engines/engines.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createServer } from '../server/create-server.ts';
import { createHealth } from '../server/health/health.ts';
import { systemClock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { buildServices } from './build-services.ts';
import { checkAddresses } from './check-addresses.ts';
import { claimDataFolder, type DataFolder } from './data-folder.ts';
import { createDirectory } from './directory.ts';
import { watchHealth } from './health-watch.ts';
import { createOpenDatabase } from './open-databases.ts';
import { openRuntime } from './runtime.ts';
import { serveMetrics } from './serve-metrics.ts';
import type { CreateService, Runtime, Service } from './service.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';

const exposed =
  'calls come in from other machines with no TLS and no authentication: let only a private network reach it';

const answeredHere = 'calls to services of this process stay in it: their addresses in DISCOVERY_URL are not used';

/** A running process, as its owner sees it. */
export interface App {
  readonly runtime: Runtime;
  readonly services: readonly Service[];
  /** `host:port` where it can be called from this machine. */
  readonly address: string;
  /** `host:port` where its metrics can be read; `undefined` when `METRICS_LISTEN` is empty. */
  readonly metricsAddress: string | undefined;
  /**
   * Drains and ends it: NOT_SERVING, background work, calls under way, then everything it opened. It resolves within
   * `DRAIN_TIMEOUT_MS` and 3 s, whatever hangs, with the names of what did not end. Once; later calls wait.
   */
  stop(): Promise<readonly string[]>;
}

/**
 * Starts services in this process: claim the data folder, open what they depend on, build them, listen, begin their
 * background work. When a part cannot start, what was opened is closed and the error says what to do.
 */
export async function startApp(config: Config, creators: readonly CreateService[], logger: Logger): Promise<App> {
  const dataFolder = claimDataFolder(config.dataDir);
  const shutdown = createShutdown({ graceMs: config.drainTimeoutMs, clock: systemClock, logger });
  const end = async () => {
    const failed = await shutdown.run();
    // What was cut off may still write: to the next start this run is one that did not end.
    if (failed.length === 0) dataFolder.release();
    return failed;
  };
  try {
    return await startOn(dataFolder, shutdown, end, { config, creators, logger });
  } catch (error) {
    await end();
    throw error;
  }
}

interface Start {
  readonly config: Config;
  readonly creators: readonly CreateService[];
  readonly logger: Logger;
}

async function startOn(
  dataFolder: DataFolder,
  shutdown: Shutdown,
  end: () => Promise<readonly string[]>,
  { config, creators, logger }: Start,
): Promise<App> {
  const clock = systemClock;
  if (dataFolder.wasAbandoned) logger.info('the last run was cut short: what it accepted is taken up');
  const draining = new AbortController();
  let address: string | undefined;
  const directory = createDirectory(config.addresses, () => address ?? notListening());
  const engine = await engineByName(config.grpcEngine);
  const health = createHealth(clock);
  const openDatabase = createOpenDatabase(dataFolder, logger);
  const basis = { config, engine, clock, health, logger, openDatabase, directory, shutdown };
  const runtime = await openRuntime({ ...basis, draining: draining.signal });
  const services = await buildServices(runtime, creators, directory);
  dataFolder.opened();
  checkAddresses(config.addresses, directory, await readDeclaredServices(contractDescriptors));
  const shadowed = directory.shadowed();
  if (shadowed.length > 0) logger.info({ services: shadowed }, answeredHere);
  const metricsAddress = await serveMetrics(runtime, shutdown);
  const serves = services.flatMap((service) => service.serves);
  const server = createServer({ engine, serves, health, clock, logger });
  const port = await server.listen(config.grpcListen);
  shutdown.add('calls', 'calls under way', (graceMs) => server.drain(graceMs));
  address = dialAddress(config.grpcListen, port);
  if (!isLocal(config.grpcListen)) logger.warn({ listen: config.grpcListen }, exposed);
  for (const { name, stop } of services) if (stop) shutdown.add('work', name, stop);
  await startServices(services);
  const endWatch = await watchHealth({ services, brokers: runtime, health, clock, logger });
  let stopped: Promise<readonly string[]> | undefined;
  const stop = () => {
    health.drain();
    endWatch();
    draining.abort(drainingError());
    return end();
  };
  return {
    runtime,
    services,
    address,
    metricsAddress,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** How an endless stream ends when its server does: the caller is told to come back. */
export function drainingError(): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'SERVER_DRAINING',
    'the server is stopping: call again, and go on where this stream ended',
  );
}

/** Side by side: one that waits for a broker which does not answer holds up no other. Rejects with the first failure. */
async function startServices(services: readonly Service[]): Promise<void> {
  const outcomes = await Promise.allSettled(services.map((service) => service.start?.()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function notListening(): never {
  throw new MeshError(
    Status.UNAVAILABLE,
    'NOT_LISTENING',
    'a service called another before this process was listening: call from start(), not while building',
  );
}

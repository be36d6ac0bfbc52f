import { dialAddress, isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { engineByName } from '../engines/engines.ts';
import { createServer } from '../server/create-server.ts';
import type { Health } from '../server/health/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { buildServices } from './build-services.ts';
import { checkAddresses } from './check-addresses.ts';
import type { DataFolder } from './data-folder.ts';
import { createDirectory } from './directory.ts';
import { notListening } from './errors.ts';
import { watchHealth } from './health-watch.ts';
import { openDatabases } from './open-databases.ts';
import { openRuntime } from './runtime.ts';
import { serveMetrics } from './serve-metrics.ts';
import type { Runtime, Service, ServiceDefinition } from './service.ts';
import type { Shutdown } from './shutdown.ts';

const exposed =
  'calls come in from other machines with no TLS and no authentication: let only a private network reach it';

const answeredHere = 'calls to services of this process stay in it: their addresses in DISCOVERY_URL are not used';

/** What a process is made of. */
export interface AppParts {
  readonly config: Config;
  readonly definitions: readonly ServiceDefinition[];
  readonly dataFolder: DataFolder;
  readonly health: Health;
  readonly draining: AbortSignal;
  /** Ends what is opened, also when only a part of it was. */
  readonly shutdown: Shutdown;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A process that serves. */
export interface OpenApp {
  readonly runtime: Runtime;
  readonly services: readonly Service[];
  /** `host:port` where it can be called from this machine. */
  readonly address: string;
  /** `host:port` where its metrics can be read; `undefined` when `METRICS_LISTEN` is empty. */
  readonly metricsAddress: string | undefined;
}

/**
 * Opens what services depend on, builds them, listens, begins their background work, and resolves when each part of it has
 * been checked. All that it opens is added to the shutdown as soon as it is there.
 */
export async function openApp(parts: AppParts): Promise<OpenApp> {
  const { config, definitions, dataFolder, health, shutdown, clock, logger } = parts;
  if (dataFolder.wasAbandoned) logger.info('the last run was cut short: what it accepted is taken up');
  let address: string | undefined;
  const directory = createDirectory(config.addresses, () => {
    if (address === undefined) throw notListening();
    return address;
  });
  const engine = await engineByName(config.grpcEngine);
  const databases = openDatabases(dataFolder, logger);
  const build = async () => {
    const runtime = await openRuntime({ ...parts, engine, openDatabase: databases.open, directory });
    return { runtime, services: await buildServices(runtime, definitions, directory, shutdown) };
  };
  const { runtime, services } = await build().finally(databases.reportFound);
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
  shutdown.add('work', 'health checks', endWatch);
  return { runtime, services, address, metricsAddress };
}

/** Side by side: one that waits for a broker which does not answer holds up no other. Rejects with the first failure. */
async function startServices(services: readonly Service[]): Promise<void> {
  const outcomes = await Promise.allSettled(services.map((service) => service.start?.()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

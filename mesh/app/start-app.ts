import { Status } from 'nice-grpc-common';
import { dialAddress, isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { engineByName } from '../engines/engines.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createServer } from '../server/create-server.ts';
import { createHealth } from '../server/health/health.ts';
import { type Clock, systemClock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { buildServices } from './build-services.ts';
import { checkAddresses } from './check-addresses.ts';
import { claimDataFolder } from './data-folder.ts';
import { createDirectory } from './directory.ts';
import { watchHealth } from './health-watch.ts';
import { createOpenDatabase } from './open-databases.ts';
import { openRuntime } from './runtime.ts';
import { serveMetrics } from './serve-metrics.ts';
import type { CreateService, Runtime, Service } from './service.ts';

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
  /** Drains and ends it: NOT_SERVING, background work, calls under way, then everything it opened. Once; later calls wait. */
  stop(): Promise<void>;
}

/**
 * Starts services in this process: claim the data folder, open what they stand on, build them, listen, begin their
 * background work. When a part cannot start, what was opened is closed and the error says what to do.
 */
export async function startApp(config: Config, creators: readonly CreateService[], logger: Logger): Promise<App> {
  await using resources = new AsyncDisposableStack();
  const dataFolder = claimDataFolder(config.dataDir);
  resources.defer(dataFolder.release);
  if (dataFolder.wasAbandoned) logger.info('the last run was cut short: what it accepted is taken up');
  const draining = new AbortController();
  let address: string | undefined;
  const directory = createDirectory(config.addresses, () => address ?? notListening());
  const engine = await engineByName(config.grpcEngine);
  const clock = systemClock;
  const health = createHealth(clock);
  const openDatabase = createOpenDatabase(dataFolder, logger);
  const basis = { config, engine, clock, health, logger, openDatabase, directory, resources };
  const runtime = await openRuntime({ ...basis, draining: draining.signal });
  const services = await buildServices(runtime, creators, directory);
  dataFolder.opened();
  checkAddresses(config.addresses, directory, await readDeclaredServices(contractDescriptors));
  const shadowed = directory.shadowed();
  if (shadowed.length > 0) logger.info({ services: shadowed }, answeredHere);
  // Before the server, so that they can be read while it drains.
  const metricsAddress = await serveMetrics(runtime, resources);
  const server = createServer({
    engine,
    serves: services.flatMap((service) => service.serves),
    health,
    clock,
    logger,
  });
  const leftToDrainMs = countdown(config.drainTimeoutMs, clock);
  const port = await server.listen(config.grpcListen);
  resources.defer(() => server.drain(leftToDrainMs()));
  address = dialAddress(config.grpcListen, port);
  if (!isLocal(config.grpcListen)) logger.warn({ listen: config.grpcListen }, exposed);
  resources.defer(() => stopServices(services, leftToDrainMs(), runtime));
  for (const service of services) await service.start?.();
  resources.defer(await watchHealth({ services, brokers: runtime, health, clock, logger }));
  const opened = resources.move();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    health.drain();
    draining.abort(drainingError());
    await opened.disposeAsync();
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

/** How much of `totalMs` is left, counted from the first time it is asked. */
function countdown(totalMs: number, clock: Clock): () => number {
  let endMs: number | undefined;
  return () => {
    endMs ??= clock.elapsedMs() + totalMs;
    return Math.max(0, endMs - clock.elapsedMs());
  };
}

/** Stops all services side by side. One that takes longer than `graceMs` is left to the end of the process. */
async function stopServices(services: readonly Service[], graceMs: number, { clock, logger }: Runtime): Promise<void> {
  const graceOver = Promise.withResolvers<never>();
  const callOff = clock.after(graceMs, () => graceOver.reject(new Error(`did not stop within ${graceMs} ms`)));
  const outcomes = await Promise.allSettled(
    services.map((service) => Promise.race([service.stop?.(), graceOver.promise])),
  );
  callOff();
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'rejected')
      logger.error({ err: outcome.reason, service: services[index]?.name }, 'service did not stop cleanly');
  });
}

function notListening(): never {
  throw new MeshError(
    Status.UNAVAILABLE,
    'NOT_LISTENING',
    'a service called another before this process was listening: call from start(), not while building',
  );
}

import { createClientFactory } from '../client/client-factory.ts';
import { type Config, databaseUrlOf } from '../config/config.ts';
import { grpcJsEngine } from '../engines/grpc-js/engine.ts';
import { openEmbeddedLog } from '../events/embedded/embedded-log.ts';
import { openStorage } from '../storage/open.ts';
import { openEmbeddedTasks } from '../tasks/embedded/embedded-tasks.ts';
import { systemClock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Runtime } from './service.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly draining: AbortSignal;
  /** `host:port` where the services of this process can be called. */
  readonly localAddress: () => string;
  /** Closes what the runtime opens, the last first. */
  readonly resources: AsyncDisposableStack;
}

/** Opens what the URLs of the settings name. */
export async function openRuntime({
  config,
  logger,
  draining,
  localAddress,
  resources,
}: RuntimeOptions): Promise<Runtime> {
  const clock = systemClock;
  const events = await openEmbeddedLog(pathOf(config.eventsUrl), { clock, logger });
  resources.defer(() => events.close());
  const tasks = await openEmbeddedTasks(pathOf(config.tasksUrl), { clock, logger });
  resources.defer(() => tasks.close());
  const clients = createClientFactory({
    engine: grpcJsEngine,
    resolve: (fullName) => config.addresses.get(fullName.slice(0, fullName.indexOf('.'))) ?? localAddress(),
    clock,
    logger,
  });
  resources.defer(() => clients.close());
  return {
    config,
    logger,
    clock,
    events,
    tasks,
    draining,
    client: (contract) => clients.client(contract),
    openStorage: async (service) => {
      const storage = await openStorage(databaseUrlOf(config, service));
      resources.defer(() => storage.close());
      return storage;
    },
  };
}

function pathOf(url: string): string {
  return url.slice(url.indexOf(':') + 1);
}

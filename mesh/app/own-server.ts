import { isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { processSettings } from '../config/process-settings.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import { createServer, type ServerOptions } from '../server/create-server.ts';
import { createHealth } from '../server/health/health.ts';
import { watchHealth } from './health-watch.ts';
import type { Service } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

const notForwarding = 'OPS_LISTEN is ignored: this process does not forward calls, so it answers ops.v1 at GRPC_LISTEN';

export interface OwnServerOptions extends Omit<ServerOptions, 'serves' | 'health' | 'metrics' | 'tls'> {
  readonly config: Pick<Config, 'opsListen'>;
  readonly tls: ProcessTls | undefined;
  readonly shutdown: Pick<Shutdown, 'add'>;
}

/**
 * Divides the services of a process that forwards calls: calls to those that answer for their process only go to the processes
 * behind it too, so it serves its own of them on `OPS_LISTEN`, with their health. Returns the others. A process that does not
 * forward calls has only others.
 */
export async function serveOwn(
  services: readonly Service[],
  { config, shutdown, tls, ...options }: OwnServerOptions,
): Promise<readonly Service[]> {
  const { clock, logger } = options;
  const listen = config.opsListen;
  const { variable } = processSettings.opsListen;
  if (services.every(({ forwards }) => forwards === undefined)) {
    if (listen !== '') logger.warn({ listen }, notForwarding);
    return services;
  }
  const others = services.filter((service) => !service.isLocal);
  if (listen === '') return others;
  const own = services.filter((service) => service.isLocal);
  const health = createHealth(clock);
  const server = createServer({
    ...options,
    tls: tls && (isLocal(listen) ? tls.server : tls.serverOfMachines),
    health,
    serves: own.flatMap((service) => service.serves),
  });
  await server.listen(listen, variable);
  shutdown.add('calls', 'calls about this process', (graceMs) => server.drain(graceMs));
  shutdown.add(
    'work',
    'health checks of this process',
    await watchHealth({ services: own, brokers: undefined, health, clock, logger }),
  );
  return others;
}

import { dialAddress, isLocal } from '../config/address.ts';
import { listenForScrapes } from '../metrics/listener.ts';
import type { Runtime } from './service.ts';
import type { Shutdown } from './shutdown.ts';

const exposed = 'other machines can read the metrics: let only a private network reach them';

/**
 * Serves the metrics where `METRICS_LISTEN` says, until the last call has ended. Resolves with the `host:port` where this
 * machine reaches them; `undefined` when the setting is empty.
 */
export async function serveMetrics(
  { config, metrics, logger }: Runtime,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<string | undefined> {
  const listen = config.metricsListen;
  if (listen === '') return undefined;
  const listener = await listenForScrapes(metrics, listen, logger);
  shutdown.add('resources', 'metrics listener', () => listener.close());
  if (!isLocal(listen)) logger.warn({ listen }, exposed);
  return dialAddress(listen, listener.port);
}

import { dialAddress } from '../config/address.ts';
import { listenForScrapes } from '../metrics/listener.ts';
import type { Runtime } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

/**
 * Serves the metrics on `METRICS_LISTEN` until the last call has ended. Returns the `host:port` at which this machine can
 * read them; `undefined` if the setting is empty.
 */
export async function serveMetrics(
  { config, metrics, logger }: Pick<Runtime, 'config' | 'metrics' | 'logger'>,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<string | undefined> {
  const listen = config.metricsListen;
  if (listen === '') return undefined;
  const listener = await listenForScrapes(metrics, listen, logger);
  shutdown.add('resources', 'metrics listener', () => listener.close());
  return dialAddress(listen, listener.port);
}

import { dialAddress, isLocal } from '../config/address.ts';
import { listenForScrapes } from '../metrics/listener.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import type { Runtime } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

export interface MetricsParts {
  readonly shutdown: Pick<Shutdown, 'add'>;
  readonly tls: ProcessTls | undefined;
}

/**
 * Serves the metrics on `METRICS_LISTEN` until the last call has ended. Returns the `host:port` at which this machine can
 * read them; `undefined` if the setting is empty.
 */
export async function serveMetrics(
  { config, metrics, logger }: Pick<Runtime, 'config' | 'metrics' | 'logger'>,
  { shutdown, tls }: MetricsParts,
): Promise<string | undefined> {
  const listen = config.metricsListen;
  if (listen === '') return undefined;
  // Whoever reads them on this machine could ask the process itself.
  const secure = tls && (isLocal(listen) ? ({ ...tls.server, clients: 'none' } as const) : tls.serverOfMachines);
  const listener = await listenForScrapes(metrics, listen, { logger, tls: secure });
  shutdown.add('resources', 'metrics listener', () => listener.close());
  return dialAddress(listen, listener.port);
}

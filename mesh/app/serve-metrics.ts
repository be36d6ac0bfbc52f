import { dialAddress, isLocal } from '../config/address.ts';
import { connectionEndReasons, noObserver } from '../engines/host-observer.ts';
import { listenForScrapes } from '../metrics/listener.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import { createEndReport } from '../server/host-report.ts';
import type { Runtime } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

export interface MetricsParts {
  readonly shutdown: Pick<Shutdown, 'add'>;
  readonly tls: ProcessTls | undefined;
}

/**
 * Serves the metrics on `METRICS_LISTEN` until the last call has ended. Returns the `host:port` at which this machine
 * can read them; `undefined` if the setting is empty.
 */
export async function serveMetrics(
  { config, metrics, logger, clock }: Pick<Runtime, 'config' | 'metrics' | 'logger' | 'clock'>,
  { shutdown, tls }: MetricsParts,
): Promise<string | undefined> {
  const listen = config.metricsListen;
  if (listen === '') return undefined;
  // Whoever reads them on this machine could ask the process itself.
  const secure = tls && (isLocal(listen) ? ({ ...tls.server, clients: 'none' } as const) : tls.serverOfMachines);
  const connectionEnded = createEndReport(
    { clock, logger, metrics },
    {
      reasons: connectionEndReasons,
      metric: 'ordermesh_metrics_connections_ended_total',
      help: 'Connections that the metrics listener ended because of their client, by reason.',
    },
  );
  const observer = { ...noObserver, connectionEnded };
  const listener = await listenForScrapes(metrics, listen, { logger, tls: secure, observer });
  shutdown.add('resources', 'metrics listener', () => listener.close());
  return dialAddress(listen, listener.port);
}

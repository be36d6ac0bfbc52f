import type { Config } from '../config/config.ts';
import { processSettings } from '../config/process-settings.ts';
import type { PingPolicy } from '../engines/ping-strikes.ts';
import type { ServerOptions } from '../server/create-server.ts';

/** The limits of all gRPC listeners of a process, by its settings. */
export function serverLimits(
  config: Config,
): Pick<ServerOptions, 'maxConnections' | 'maxConnectionsPerAddress' | 'process' | 'pings'> {
  return {
    maxConnections: config.grpcMaxConnections,
    maxConnectionsPerAddress: config.grpcMaxConnectionsPerAddress,
    process: { working: config.grpcMaxRunningCalls, waitingBytes: config.grpcMaxWaitingBytes },
    pings: pingPolicyOf(config.grpcMinPingIntervalMs),
  };
}

/**
 * The usual interval holds only with open calls: without, clients of gRPC do not ping. A lower one
 * permits pings of both.
 */
function pingPolicyOf(minIntervalMs: number): PingPolicy {
  const isUsual = minIntervalMs >= Number(processSettings.grpcMinPingIntervalMs.default);
  return isUsual ? { minIntervalMs } : { minIntervalMs, minIdleIntervalMs: minIntervalMs };
}

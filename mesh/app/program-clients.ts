import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../client/client-factory.ts';
import { defaultEngine, engineByName } from '../engines/engines.ts';
import { createLogger } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';

/**
 * Returns the clients of a program that serves nothing, such as a job or a tool: all services are at `address`, and calls have
 * deadlines, retries, breakers and fallbacks as those of a service. Logs warnings to standard error.
 */
export async function createClients(address: string): Promise<ClientFactory> {
  const engine = await engineByName(defaultEngine);
  const endpoints = endpointsByAddress(engine, () => address);
  return createClientFactory({ endpoints, clock: systemClock, logger: createLogger('warn') });
}

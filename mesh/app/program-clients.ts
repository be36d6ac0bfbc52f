import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../client/client-factory.ts';
import type { Engine } from '../engines/engine.ts';
import { defaultEngine, engineByName } from '../engines/engines.ts';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';

export interface ProgramClientOptions {
  /** Default: the engine that services have by default. */
  readonly engine?: Engine;
  /** Of what is logged to standard error. Default: `warn`. */
  readonly logLevel?: LogLevel;
}

/**
 * Returns the clients of a program that serves nothing, such as a job or a tool: all services are at `address`, or each contract
 * where it returns. Calls have deadlines, retries, breakers and fallbacks as those of a service.
 */
export async function createClients(
  address: string | ((contract: string) => string),
  { engine, logLevel = 'warn' }: ProgramClientOptions = {},
): Promise<ClientFactory> {
  const resolve = typeof address === 'string' ? () => address : address;
  const endpoints = endpointsByAddress(engine ?? (await engineByName(defaultEngine)), resolve);
  return createClientFactory({ endpoints, clock: systemClock, logger: createLogger(logLevel) });
}

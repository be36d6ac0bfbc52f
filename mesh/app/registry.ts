import type { Endpoints } from '../balancing/endpoints.ts';
import { dialAddress, isLocal } from '../config/address.ts';
import { type Config, ConfigError } from '../config/config.ts';
import type { DiscoveryUrl } from '../config/discovery-url.ts';
import { processSettings } from '../config/process-settings.ts';
import { fullNameOf } from '../contract/contract.ts';
import { type SelfDescription, serviceNameOf } from '../discovery/discovery.ts';
import type { ServedContract } from '../server/serve.ts';

/**
 * Throws a ConfigError if this process would enter an address into a registry on another machine that only this machine can
 * reach.
 */
export function checkAdvertised({ discovery, grpcAdvertise, grpcListen }: Config): void {
  const registries = registriesOf(discovery);
  const isReachable = registries.some(isLocal) || !isLocal(advertisedAddress(grpcAdvertise, grpcListen, 0));
  if (registries.length === 0 || isReachable) return;
  const { variable } = processSettings.grpcAdvertise;
  const problem = `must be an address at which other machines reach this process, because it is entered into ${registries.join(', ')}: set it to <host>:<port>`;
  throw new ConfigError([{ variable, problem }]);
}

/** The registries in which a process registers. */
function registriesOf(url: DiscoveryUrl): readonly string[] {
  if (url.scheme === 'consul') return [url.agent];
  return url.scheme === 'eureka' ? url.servers : [];
}

/** Returns where others reach this process, whose listener has this port. */
function advertisedAddress(advertise: string, listen: string, port: number): string {
  return advertise === '' ? dialAddress(listen, port) : advertise.replace(/:0+$/, `:${port}`);
}

/** Describes this process for a registry. `port` is that of its listener. */
export function describeSelf(
  { grpcAdvertise, grpcListen }: Config,
  port: number,
  serves: readonly ServedContract[],
  version: string,
): SelfDescription {
  const address = advertisedAddress(grpcAdvertise, grpcListen, port);
  // An instance that is started again at its address replaces its entry.
  const services = [...new Set(serves.map(({ contract }) => serviceNameOf(fullNameOf(contract))))].toSorted();
  const isAtAllAddresses = grpcAdvertise === '' && /^(0\.0\.0\.0|\[::\]):/.test(grpcListen);
  return { services, address, isAtAllAddresses, instance: address, version };
}

export interface FindOptions {
  readonly endpoints: Endpoints;
  /** Ends the wait. */
  readonly draining: AbortSignal;
}

/**
 * Watches services, and resolves once the registry has answered for each, so the first calls find their instances. A registry
 * that is away delays that by 2 s, and nothing else.
 */
export async function findServices(services: readonly string[], { endpoints, draining }: FindOptions): Promise<void> {
  const drained = Promise.withResolvers<void>();
  const end = () => drained.resolve();
  draining.addEventListener('abort', end);
  if (draining.aborted) end();
  await Promise.race([Promise.all(services.map((service) => endpoints.of(service).found())), drained.promise]);
  draining.removeEventListener('abort', end);
}

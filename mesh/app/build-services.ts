import { fullNameOf } from '../contract/contract.ts';
import type { Directory } from './directory.ts';
import type { Process, Runtime, Service, ServiceDefinition } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

export interface BuildOptions {
  readonly definitions: readonly ServiceDefinition[];
  readonly draining: AbortSignal;
  readonly directory: Directory;
  readonly auditors: Process['auditors'];
  readonly shutdown: Pick<Shutdown, 'add'>;
}

/**
 * Builds the services one after the other, those that observe the process last, adds them to `services`, and enters
 * into the directory what they serve and what they call.
 */
export async function buildServices(
  services: Service[],
  runtime: Runtime,
  { definitions, directory, auditors, shutdown, draining }: BuildOptions,
): Promise<void> {
  const { health, info, disk } = runtime;
  const process = { services, auditors, health, info, disk, hasAddress: directory.hasAddress };
  for (const definition of definitions.toSorted((a, b) => Number(a.observesProcess) - Number(b.observesProcess))) {
    draining.throwIfAborted();
    const called = new Set<string>();
    const caller = definition.discoveryName ?? definition.name;
    const client: Runtime['client'] = (contract, options) => {
      called.add(fullNameOf(contract));
      return runtime.client(contract, options, caller);
    };
    const findClient: Runtime['findClient'] = (contract, options) => {
      const found = runtime.findClient(contract, options, caller);
      if (found) called.add(fullNameOf(contract));
      return found;
    };
    const clientAt: Runtime['clientAt'] = (contract, endpoint) => runtime.clientAt(contract, endpoint, caller);
    const service = await definition.create({ ...runtime, client, findClient, clientAt }, process);
    const { name, close } = service;
    if (close) shutdown.add('resources', `resources of ${name}`, close);
    if (!service.isLocal) for (const { contract } of service.serves) directory.addLocal(fullNameOf(contract));
    for (const contract of called) directory.addCall(contract, service.name);
    services.push(service);
  }
}

/** In parallel, so a service that waits for its broker does not delay the others. Rejects with the first failure. */
export async function startServices(services: readonly Service[]): Promise<void> {
  const outcomes = await Promise.allSettled(services.map((service) => service.start?.()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

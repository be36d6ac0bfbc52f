import type { CompatServiceDefinition } from 'nice-grpc';
import type { ServiceContract } from '../contract/contract.ts';
import { fullNameOf } from '../contract/contract.ts';
import type { Directory } from './directory.ts';
import type { Runtime, Service, ServiceDefinition } from './service.ts';
import type { Shutdown } from './shutdown.ts';

/**
 * Builds the services one after the other, those that observe the process last, and enters into the directory what they
 * serve and what they call.
 */
export async function buildServices(
  runtime: Runtime,
  definitions: readonly ServiceDefinition[],
  directory: Directory,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<Service[]> {
  const services: Service[] = [];
  const process = { services, audits: runtime.audits, health: runtime.health };
  for (const definition of definitions.toSorted((a, b) => Number(a.observesProcess) - Number(b.observesProcess))) {
    const called = new Set<string>();
    const client = <Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>) => {
      called.add(fullNameOf(contract));
      return runtime.client(contract);
    };
    const service = await definition.create({ ...runtime, client }, process);
    const { name, close } = service;
    if (close) shutdown.add('resources', `resources of ${name}`, close);
    for (const { contract } of service.serves) directory.addLocal(fullNameOf(contract));
    for (const contract of called) directory.addCall(contract, service.name);
    services.push(service);
  }
  return services;
}

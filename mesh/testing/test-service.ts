import type { Process, Runtime, Service, ServiceDefinition } from '../app/service/service.ts';

/** Defines a service for tests. */
export function testService(
  name: string,
  create: (runtime: Runtime, process: Process) => Promise<Partial<Service>> = async () => ({}),
): ServiceDefinition {
  return {
    name,
    settings: [],
    observesProcess: false,
    create: async (runtime, process) => ({ name, serves: [], ...(await create(runtime, process)) }),
  };
}

/** Returns the service with a modified runtime. */
export function onRuntime(service: ServiceDefinition, change: (runtime: Runtime) => Runtime): ServiceDefinition {
  return { ...service, create: (runtime, process) => service.create(change(runtime), process) };
}

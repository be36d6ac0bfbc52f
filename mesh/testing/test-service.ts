import type { Process, Runtime, Service, ServiceDefinition } from '../app/service.ts';

/** A service for tests, made of what a process runs of it. */
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

/** A service on a runtime that was changed for it. */
export function onRuntime(service: ServiceDefinition, change: (runtime: Runtime) => Runtime): ServiceDefinition {
  return { ...service, create: (runtime, process) => service.create(change(runtime), process) };
}

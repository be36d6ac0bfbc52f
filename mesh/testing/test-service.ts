import type { Process, Runtime, Service, ServiceDefinition } from '../app/service/service.ts';
import { createProcessAudits } from '../audit/background-audits.ts';

/** Defines a service for tests. Its `audits` run in the background too. */
export function testService(
  name: string,
  create: (runtime: Runtime, process: Process) => Promise<Partial<Service>> = async () => ({}),
): ServiceDefinition {
  return {
    name,
    settings: [],
    observesProcess: false,
    async create(runtime, process) {
      const service: Service = { name, serves: [], ...(await create(runtime, process)) };
      if (!service.audits) return service;
      const { config, metrics, clock, logger } = runtime;
      const options = { service: name, checks: service.audits, intervalMs: config.auditIntervalMs };
      const audits = createProcessAudits({ ...options, metrics, clock, logger });
      return { ...service, auditor: audits.auditor, start: audits.start, stop: audits.stop };
    },
  };
}

/** Returns the service with a modified runtime. */
export function onRuntime(service: ServiceDefinition, change: (runtime: Runtime) => Runtime): ServiceDefinition {
  return { ...service, create: (runtime, process) => service.create(change(runtime), process) };
}

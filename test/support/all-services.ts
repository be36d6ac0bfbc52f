import type { Runtime, ServiceDefinition } from '../../mesh/app/service/service.ts';
import { onRuntime } from '../../mesh/testing/test-service.ts';
import { allServices } from '../../services/all.ts';

export type ServiceName =
  | 'user'
  | 'inventory'
  | 'payment'
  | 'shipping'
  | 'order'
  | 'notification'
  | 'report'
  | 'bridge'
  | 'ops';

/** All services, one of them with a modified runtime. */
export function allServicesWith(changed: ServiceName, change: (runtime: Runtime) => Runtime): ServiceDefinition[] {
  if (!allServices.some(({ name }) => name === changed)) throw new Error(`there is no service ${changed}`);
  return allServices.map((service) => (service.name === changed ? onRuntime(service, change) : service));
}

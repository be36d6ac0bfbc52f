import type { Runtime, ServiceDefinition } from '../../mesh/app/service.ts';
import { onRuntime } from '../../mesh/testing/test-service.ts';
import { bridgeService } from '../../services/bridge/service.ts';
import { inventoryService } from '../../services/inventory/service.ts';
import { notificationService } from '../../services/notification/service.ts';
import { opsService } from '../../services/ops/service.ts';
import { orderService } from '../../services/order/service.ts';
import { paymentService } from '../../services/payment/service.ts';
import { reportService } from '../../services/report/service.ts';
import { shippingService } from '../../services/shipping/service.ts';
import { userService } from '../../services/user/service.ts';

/** The services by name, in the order in which one process builds them. */
const servicesByName = {
  user: userService,
  inventory: inventoryService,
  payment: paymentService,
  shipping: shippingService,
  order: orderService,
  notification: notificationService,
  report: reportService,
  bridge: bridgeService,
  ops: opsService,
} as const satisfies Record<string, ServiceDefinition>;

export type ServiceName = keyof typeof servicesByName;

export const allServices: readonly ServiceDefinition[] = Object.values(servicesByName);

/** All services, one of them on a runtime that was changed for it. */
export function allServicesWith(changed: ServiceName, change: (runtime: Runtime) => Runtime): ServiceDefinition[] {
  return allServices.map((service) => (service.name === changed ? onRuntime(service, change) : service));
}

import type { CreateService, Runtime } from '../../mesh/app/service.ts';
import { createBridgeService } from '../../services/bridge/service.ts';
import { createInventoryService } from '../../services/inventory/service.ts';
import { createNotificationService } from '../../services/notification/service.ts';
import { createOpsService } from '../../services/ops/service.ts';
import { createOrderService } from '../../services/order/service.ts';
import { createPaymentService } from '../../services/payment/service.ts';
import { createReportService } from '../../services/report/service.ts';
import { createShippingService } from '../../services/shipping/service.ts';
import { createUserService } from '../../services/user/service.ts';

/** The services by name, in the order in which one process starts them. */
const servicesByName = {
  user: createUserService,
  inventory: createInventoryService,
  payment: createPaymentService,
  shipping: createShippingService,
  order: createOrderService,
  notification: createNotificationService,
  report: createReportService,
  bridge: createBridgeService,
  ops: createOpsService,
} as const satisfies Record<string, CreateService>;

export type ServiceName = keyof typeof servicesByName;

export const allServices: readonly CreateService[] = Object.values(servicesByName);

/** All services, one of them on a runtime that was changed for it. */
export function allServicesWith(changed: ServiceName, change: (runtime: Runtime) => Runtime): CreateService[] {
  return Object.entries(servicesByName).map(([name, create]): CreateService => {
    if (name !== changed) return create;
    return (runtime, earlier) => create(change(runtime), earlier);
  });
}

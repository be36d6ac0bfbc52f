import type { ServiceDefinition } from '#mesh';
import { bridgeService } from './bridge/service.ts';
import { edgeService } from './edge/service.ts';
import { gatewayService } from './gateway/service.ts';
import { inventoryService } from './inventory/service.ts';
import { notificationService } from './notification/service.ts';
import { opsService } from './ops/service.ts';
import { orderService } from './order/service.ts';
import { paymentService } from './payment/service.ts';
import { reportService } from './report/service.ts';
import { shippingService } from './shipping/service.ts';
import { userService } from './user/service.ts';

/** The services of a mesh in one process, in the order in which it builds them. */
export const allServices: readonly ServiceDefinition[] = [
  userService,
  inventoryService,
  paymentService,
  shippingService,
  orderService,
  notificationService,
  reportService,
  bridgeService,
  opsService,
  edgeService,
];

/** The services that a process can run: in addition, the gateway to a mesh of many processes. */
export const runnableServices: readonly ServiceDefinition[] = [...allServices, gatewayService];

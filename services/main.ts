import { runApp } from '#mesh';
import { bridgeService } from './bridge/service.ts';
import { inventoryService } from './inventory/service.ts';
import { notificationService } from './notification/service.ts';
import { opsService } from './ops/service.ts';
import { orderService } from './order/service.ts';
import { paymentService } from './payment/service.ts';
import { reportService } from './report/service.ts';
import { shippingService } from './shipping/service.ts';
import { userService } from './user/service.ts';

/** Every service of the mesh, in the order in which one process builds them. */
const services = [
  userService,
  inventoryService,
  paymentService,
  shippingService,
  orderService,
  notificationService,
  reportService,
  bridgeService,
  opsService,
];

// All of them in this process, or those that the command line names: `node services/main.ts payment ops`.
await runApp(services, { only: process.argv.slice(2) });

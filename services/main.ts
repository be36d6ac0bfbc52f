import { runApp } from '../mesh/app/run-app.ts';
import { createBridgeService } from './bridge/service.ts';
import { createInventoryService } from './inventory/service.ts';
import { createNotificationService } from './notification/service.ts';
import { createOpsService } from './ops/service.ts';
import { createOrderService } from './order/service.ts';
import { createPaymentService } from './payment/service.ts';
import { createReportService } from './report/service.ts';
import { createShippingService } from './shipping/service.ts';
import { createUserService } from './user/service.ts';

// Everything in one process. What a service stands on comes from the settings; nothing else differs from one process each.
// The ops service comes last: it tells of those before it.
await runApp([
  createUserService,
  createInventoryService,
  createPaymentService,
  createShippingService,
  createOrderService,
  createNotificationService,
  createReportService,
  createBridgeService,
  createOpsService,
]);

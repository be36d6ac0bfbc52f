import { type CreateService, runApp } from '#mesh';
import { createBridgeService } from './bridge/service.ts';
import { createInventoryService } from './inventory/service.ts';
import { createNotificationService } from './notification/service.ts';
import { createOpsService } from './ops/service.ts';
import { createOrderService } from './order/service.ts';
import { createPaymentService } from './payment/service.ts';
import { createReportService } from './report/service.ts';
import { createShippingService } from './shipping/service.ts';
import { createUserService } from './user/service.ts';

// Everything in one process, or what is named on the command line (`node services/main.ts payment ops`). What a service
// stands on comes from the settings; nothing else differs from one process each. The ops service comes last: it tells of
// those before it.
const services = new Map<string, CreateService>([
  ['user', createUserService],
  ['inventory', createInventoryService],
  ['payment', createPaymentService],
  ['shipping', createShippingService],
  ['order', createOrderService],
  ['notification', createNotificationService],
  ['report', createReportService],
  ['bridge', createBridgeService],
  ['ops', createOpsService],
]);
const names = process.argv.slice(2);
const unknown = names.filter((name) => !services.has(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no service ${unknown.join(', ')}: there are ${[...services.keys()].join(', ')}\n`);
  process.exit(2);
}
const wanted = [...services].filter(([name]) => names.length === 0 || names.includes(name));
await runApp(wanted.map(([, create]) => create));

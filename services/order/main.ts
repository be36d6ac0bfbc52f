import { runApp } from '../../mesh/app/run-app.ts';
import { createOrderService } from './service.ts';

await runApp([createOrderService]);

import { runApp } from '#mesh';
import { createOrderService } from './service.ts';

await runApp([createOrderService]);

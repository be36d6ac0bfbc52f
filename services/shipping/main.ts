import { runApp } from '#mesh';
import { createShippingService } from './service.ts';

await runApp([createShippingService]);

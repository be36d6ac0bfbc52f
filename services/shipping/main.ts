import { runApp } from '../../mesh/app/run-app.ts';
import { createShippingService } from './service.ts';

await runApp([createShippingService]);

import { runApp } from '../../mesh/app/run-app.ts';
import { createPaymentService } from './service.ts';

await runApp([createPaymentService]);

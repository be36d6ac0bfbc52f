import { runApp } from '#mesh';
import { createPaymentService } from './service.ts';

await runApp([createPaymentService]);

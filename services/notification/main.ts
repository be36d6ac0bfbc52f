import { runApp } from '../../mesh/app/run-app.ts';
import { createNotificationService } from './service.ts';

await runApp([createNotificationService]);

import { runApp } from '#mesh';
import { createNotificationService } from './service.ts';

await runApp([createNotificationService]);

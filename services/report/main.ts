import { runApp } from '#mesh';
import { createReportService } from './service.ts';

await runApp([createReportService]);

import { runApp } from '../../mesh/app/run-app.ts';
import { createReportService } from './service.ts';

await runApp([createReportService]);

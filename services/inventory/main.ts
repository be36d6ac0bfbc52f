import { runApp } from '../../mesh/app/run-app.ts';
import { createInventoryService } from './service.ts';

await runApp([createInventoryService]);

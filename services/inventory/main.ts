import { runApp } from '#mesh';
import { createInventoryService } from './service.ts';

await runApp([createInventoryService]);

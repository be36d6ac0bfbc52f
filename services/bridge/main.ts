import { runApp } from '../../mesh/app/run-app.ts';
import { createBridgeService } from './service.ts';

await runApp([createBridgeService]);

import { runApp } from '#mesh';
import { createBridgeService } from './service.ts';

await runApp([createBridgeService]);

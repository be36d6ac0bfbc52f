import { runApp } from '../../mesh/app/run-app.ts';
import { createUserService } from './service.ts';

await runApp([createUserService]);

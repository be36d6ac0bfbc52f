import { runApp } from '#mesh';
import { createUserService } from './service.ts';

await runApp([createUserService]);

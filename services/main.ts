import { runApp } from '#mesh';
import { allServices } from './all.ts';

// All services in this process, or those that the command line names: `node services/main.ts payment ops`.
await runApp(allServices, { only: process.argv.slice(2) });

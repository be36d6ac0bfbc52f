import { runApp } from '#mesh';
import { allServices, runnableServices } from './all.ts';
import { localOpsService } from './ops/service.ts';

// A whole mesh in this process, or the services that the command line names: `node services/main.ts payment ops`, with Node 24: `node_modules/.bin/node`.
const names = process.argv.slice(2);
await runApp(runnableServices, {
  only: names.length > 0 ? names : allServices.map(({ name }) => name),
  // What is stuck in a process is shown there.
  always: [localOpsService],
});

import { createLaunches } from '../launch.ts';
import { createOutput } from '../output.ts';
import { createSupervisor } from '../supervisor.ts';

// Supervises one small process with the settings of this one, until it is killed. Prints `ready` when that serves.

const [small = ''] = process.argv.slice(2);
const { HISTORY = '' } = process.env;
const environment = { NAME: 'user-1', HISTORY };
const supervisor = createSupervisor({
  plan: [{ name: 'user-1', service: 'user', address: '127.0.0.1:0', environment }],
  door: undefined,
  launches: createLaunches(small),
  output: createOutput({ write: (text) => process.stderr.write(text) }),
  drainTimeoutMs: 0,
});
await supervisor.start();
process.stdout.write('ready\n');

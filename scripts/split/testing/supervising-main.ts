import { createLaunches } from '../launch.ts';
import { createOutput } from '../output.ts';
import { createSupervisor } from '../supervisor.ts';

// Supervises a small process and a gateway with the settings of this one, until it is killed. Prints `ready` and their ids when they
// serve.

const [small = ''] = process.argv.slice(2);
const { HISTORY = '', STOP_BY = '', FAULT = '' } = process.env;
const plan = ['user-1', 'gateway-1'].map((name) => ({
  name,
  service: name.replace(/-\d$/, ''),
  address: '127.0.0.1:0',
  environment: { NAME: name, HISTORY, STOP_BY, FAULT },
}));
const supervisor = createSupervisor({
  plan,
  gateway: 'gateway',
  launches: createLaunches(small),
  output: createOutput({ write: (text) => process.stderr.write(text) }),
  drainTimeoutMs: 0,
});
await supervisor.start();
process.stdout.write(`ready ${supervisor.processes.flatMap((supervised) => supervised.pids()).join(' ')}\n`);

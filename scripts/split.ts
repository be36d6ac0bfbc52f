import { messageOf } from '../mesh/errors/error-text.ts';
import { sendCommand } from './split/control.ts';
import { controlSocket, runSplit } from './split/run.ts';
import { missingParts } from './split/servers.ts';

// Runs the mesh as many processes: `split.ts`. `split.ts restart <service, process or all>` replaces processes of a running one,
// one after another. `split.ts missing-servers` prints the parts of `make deps` that it needs first.

const [command, ...args] = process.argv.slice(2);

switch (command) {
  case undefined:
    process.exit(await runSplit(process.env));
    break;
  case 'restart':
    await restart(args[0] || 'all');
    break;
  case 'missing-servers':
    console.log(missingParts(process.env).join(' '));
    break;
  default:
    process.stderr.write(`unknown command ${command}: use restart, missing-servers or none\n`);
    process.exitCode = 2;
}

async function restart(name: string): Promise<void> {
  try {
    await sendCommand(controlSocket(process.env.DATA_DIR || 'data'), ['restart', name], console.log);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

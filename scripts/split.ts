import { enableCompileCache } from 'node:module';
import { compileCache } from './split/launch.ts';

// Runs the mesh as many processes: `split.ts`. `split.ts restart <services, processes or all>` replaces processes of a running one,
// one after another. `split.ts missing-servers` prints the parts of `make deps` that it needs first.

// Before the services are loaded, so their processes find compiled code.
enableCompileCache(compileCache);
const { messageOf } = await import('../mesh/errors/error-text.ts');
const { sendCommand } = await import('./split/control.ts');
const { controlSocket, runSplit } = await import('./split/run.ts');
const { missingParts } = await import('./split/servers.ts');

const [command, ...args] = process.argv.slice(2);

switch (command) {
  case undefined:
    process.exit(await runSplit(process.env));
    break;
  case 'restart':
    await restart(args);
    break;
  case 'missing-servers':
    console.log(missingParts(process.env).join(' '));
    break;
  default:
    process.stderr.write(`unknown command ${command}: use restart, missing-servers or none\n`);
    process.exitCode = 2;
}

async function restart(names: readonly string[]): Promise<void> {
  try {
    await sendCommand(controlSocket(process.env.DATA_DIR || 'data'), ['restart', ...names], console.log);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

import { clients } from '../examples/support/clients.ts';
import { DeadLetterServiceDefinition } from '../gen/ts/ops/v1/ops.ts';
import { readCommand, usage } from './dead-letters/command-line.ts';
import { runCommand } from './dead-letters/run-command.ts';
import { runTool } from './support/run-tool.ts';

// Looks at the dead letters of a mesh, hands them out again, discards them. Exits with 0 when all was done, with 1 when
// something was not, with 2 when the arguments make no command, a call was refused, or no mesh is there.

await runTool(usage, async (channel) => {
  const command = readCommand(process.argv.slice(2));
  const deadLetters = clients.create(DeadLetterServiceDefinition, channel);
  return (await runCommand(command, { deadLetters, print: console.log })) ? 0 : 1;
});

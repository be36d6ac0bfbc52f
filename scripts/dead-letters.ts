import { DeadLetterServiceDefinition } from '#gen/ops/v1/ops.ts';
import { clients } from '../examples/support/clients.ts';
import { readCommand, usage } from './dead-letters/command-line.ts';
import { runCommand } from './dead-letters/run-command.ts';
import { runTool } from './support/run-tool.ts';

// Lists, shows, redrives and discards the dead letters of a mesh. Exits with 0 on success, with 1 if some dead letters
// could not be changed, and with 2 if it failed.

await runTool(usage, async (channel) => {
  const command = readCommand(process.argv.slice(2));
  const deadLetters = clients.create(DeadLetterServiceDefinition, channel);
  return (await runCommand(command, { deadLetters, print: console.log })) ? 0 : 1;
});

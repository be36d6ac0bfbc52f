import { ActionServiceDefinition } from '#gen/ops/v1/action.ts';
import { DeadLetterServiceDefinition } from '#gen/ops/v1/ops.ts';
import { exitCode } from '../../../examples/support/failures.ts';
import type { Command } from '../cli.ts';
import { readCommand, usage } from './command-line.ts';
import { runCommand } from './run-command.ts';

/** Lists, shows, redrives and discards dead letters. Exits with 1 if it lists any, or some could not be changed. */
export const deadLettersCommand: Command = {
  name: 'dead-letters',
  summary: 'list, show, redrive or discard what could not be handled',
  usage,
  async run(args, cli) {
    const command = readCommand(args);
    const deadLetters = cli.client(DeadLetterServiceDefinition);
    const actions = cli.client(ActionServiceDefinition);
    return (await runCommand(command, { deadLetters, actions, cli })) ? exitCode.done : exitCode.attention;
  },
};

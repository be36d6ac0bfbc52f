import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { exitCode } from '../../../examples/support/failures.ts';
import { CommandError } from '../cli.ts';
import type { Caller } from './caller.ts';
import type { Restart } from './rules/durability.ts';

/** Returns what runs a shell command that kills and starts the participant. Throws if the command fails. */
export function restartBy(command: string, caller: Caller): Restart {
  return async () => {
    // The server may inherit the streams and keep them open, so the end of the command is its exit.
    const shell = spawn(command, { shell: true, stdio: 'ignore' });
    const [code, signal] = await once(shell, 'exit');
    if (code !== 0)
      throw new CommandError(
        `--restart '${command}' ended with ${signal ?? `exit code ${code}`}: fix it`,
        exitCode.usage,
      );
    caller.reconnect();
  };
}

import { type Command, runCli } from './cli.ts';

/** Runs the command that the arguments of this process name, and sets its exit code. */
export async function runProgram(commands: readonly Command[]): Promise<void> {
  // Whoever reads the output may stop early, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await runCli(commands, process.argv.slice(2));
}

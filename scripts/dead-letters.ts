import { ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { DeadLetterServiceDefinition } from '../gen/ts/ops/v1/ops.ts';
import { readCommand, UsageError, usage } from './dead-letters/command-line.ts';
import { runCommand } from './dead-letters/run-command.ts';

// Looks at the dead letters of a mesh, hands them out again, puts them aside. Exits with 0 when all was done, with 1 when
// something was not, with 2 when the arguments make no command.

const address = process.env.ADDRESS || '127.0.0.1:50051';
const channel = createChannel(address);
try {
  const command = readCommand(process.argv.slice(2));
  const deadLetters = createClient(DeadLetterServiceDefinition, channel);
  const done = await runCommand(command, { deadLetters, print: console.log });
  process.exitCode = done ? 0 : 1;
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
} finally {
  channel.close();
}

function describe(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage.trimEnd()}`;
  if (error instanceof DOMException) return `the mesh at ${address} did not answer in time: look at its log`;
  if (!(error instanceof ClientError)) return error instanceof Error ? String(error.stack) : String(error);
  if (error.code !== Status.UNAVAILABLE) return `refused with ${Status[error.code]}: ${error.details}`;
  return `the mesh at ${address} cannot be reached (${error.details}): start it, or set ADDRESS to where one is`;
}

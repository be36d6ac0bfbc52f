import { type Channel, ClientError, createChannel, Status } from 'nice-grpc';
import { isUnreached } from '../../examples/support/clients.ts';

/** Arguments that make no command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code of a tool that could not do what it was asked for. */
export const exitCannotDo = 2;

/**
 * Runs a tool on the mesh at `ADDRESS` (default `127.0.0.1:50051`). Exits with what it resolves with, or with 2 when it
 * fails: for its arguments, which shows `usage`, or since a call was refused or nobody is there.
 */
export async function runTool(usage: string, tool: (channel: Channel) => Promise<number>): Promise<void> {
  const address = process.env.ADDRESS || '127.0.0.1:50051';
  const channel = createChannel(address);
  try {
    process.exitCode = await tool(channel);
  } catch (error) {
    process.stderr.write(`${describe(error, usage, address)}\n`);
    process.exitCode = exitCannotDo;
  } finally {
    channel.close();
  }
}

function describe(error: unknown, usage: string, address: string): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage.trimEnd()}`;
  if (error instanceof DOMException) return `the mesh at ${address} did not answer in time: look at its log`;
  if (!(error instanceof ClientError)) return error instanceof Error ? String(error.stack) : String(error);
  if (isUnreached(error)) return `the mesh at ${address} cannot be reached: start it, or set ADDRESS to where one is`;
  // What keeps the mesh from working is no answer to this call alone: its own text says it all.
  if (error.code === Status.UNAVAILABLE) return error.details;
  return `refused with ${Status[error.code]}: ${error.details}`;
}

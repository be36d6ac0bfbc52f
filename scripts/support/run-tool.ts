import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Channel, ClientError, createChannel, Status } from 'nice-grpc';
import { isUnreached } from '../../examples/support/clients.ts';

/** Invalid arguments. The tool shows the message and its usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code of a tool that failed. */
export const exitFailed = 2;

/**
 * Runs a tool against the mesh at `ADDRESS` (default `127.0.0.1:50051`) and exits with the code that `tool` returns. Exits
 * with 2 if the arguments are invalid, the mesh refuses a call, or it cannot be reached.
 */
export async function runTool(usage: string, tool: (channel: Channel) => Promise<number>): Promise<void> {
  const address = process.env.ADDRESS || '127.0.0.1:50051';
  const channel = createChannel(address);
  try {
    process.exitCode = await tool(channel);
  } catch (error) {
    process.stderr.write(`${describe(error, usage, address)}\n`);
    process.exitCode = exitFailed;
  } finally {
    channel.close();
  }
}

function describe(error: unknown, usage: string, address: string): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage.trimEnd()}`;
  if (error instanceof DOMException) return `the mesh at ${address} did not respond in time: check its log`;
  if (!(error instanceof ClientError)) return error instanceof Error ? String(error.stack) : String(error);
  if (isUnreached(error)) return `the mesh at ${address} cannot be reached: start it, or set ADDRESS`;
  // An error of the whole mesh, not of this call: its text is complete.
  if (error.code === Status.UNAVAILABLE) return error.details;
  return `refused with ${Status[error.code]}: ${error.details}`;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Parses positional arguments and options. Throws a UsageError if an option is unknown or has no value. */
export function readArgs<const O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node's message continues with how to quote arguments that start with a dash, which no tool accepts.
    if (error instanceof TypeError) throw new UsageError(error.message.replace(/\. To specify a positional .*$/s, ''));
    throw error;
  }
}

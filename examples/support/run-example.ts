import { ClientError, Status } from 'nice-grpc';
import { connect, isServing, type Mesh } from './mesh.ts';

// An IPv6 host stands in brackets.
const addressFormat = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]+):\d{1,5}$/;

/**
 * Runs an example against the mesh at `ADDRESS` (default `127.0.0.1:50051`). Exits with 1 when that is no address or none
 * is there, when the example returns false, or when a call fails.
 */
export async function runExample(example: (mesh: Mesh) => Promise<boolean>): Promise<void> {
  const address = process.env.ADDRESS || '127.0.0.1:50051';
  if (!addressFormat.test(address)) {
    process.stderr.write(`ADDRESS is "${address}", but may be <host>:<port>\n`);
    process.exitCode = 1;
    return;
  }
  const mesh = connect(address);
  try {
    process.exitCode = (await isServing(mesh)) ? exitCode(await example(mesh)) : nothingThere(mesh);
  } catch (error) {
    process.stderr.write(`\n${describe(error, mesh)}\n`);
    process.exitCode = 1;
  } finally {
    mesh.close();
  }
}

function exitCode(succeeded: boolean): number {
  return succeeded ? 0 : 1;
}

function nothingThere({ address }: Mesh): number {
  process.stderr.write(
    `no mesh serves at ${address}: run "make start" in another terminal, or set ADDRESS to where one is\n`,
  );
  return 1;
}

function describe(error: unknown, { address }: Mesh): string {
  if (!(error instanceof ClientError)) return error instanceof Error ? String(error.stack) : String(error);
  if (error.code === Status.UNAVAILABLE) return `the mesh at ${address} went away (${error.details}): run it again`;
  return `${error.path} was refused with ${Status[error.code]}: ${error.details}`;
}

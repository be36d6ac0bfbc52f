import { ClientError, Status } from 'nice-grpc';
import { isUnreached } from './clients.ts';
import { connect, type Mesh, outages } from './mesh.ts';

const exitNotReached = 2;
// An IPv6 host is in brackets.
const addressFormat = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]+):\d{1,5}$/;

/**
 * Runs an example against the mesh at `ADDRESS` (default `127.0.0.1:50051`). Exits with 1 if the example returns false, the
 * mesh is not serving or a call fails, and with 2 if `ADDRESS` is invalid or the mesh cannot be reached.
 */
export async function runExample(example: (mesh: Mesh) => Promise<boolean>): Promise<void> {
  const address = process.env.ADDRESS || '127.0.0.1:50051';
  if (!addressFormat.test(address)) {
    process.stderr.write(`invalid ADDRESS "${address}": use <host>:<port>\n`);
    process.exitCode = exitNotReached;
    return;
  }
  const mesh = connect(address);
  try {
    const [outage] = await outages(mesh);
    if (outage !== undefined) process.stderr.write(`${outage}\n`);
    process.exitCode = outage === undefined && (await example(mesh)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${describe(error, mesh)}\n`);
    process.exitCode = isUnreached(error) ? exitNotReached : 1;
  } finally {
    mesh.close();
  }
}

function describe(error: unknown, { address }: Mesh): string {
  if (!(error instanceof ClientError)) return error instanceof Error ? String(error.stack) : String(error);
  if (isUnreached(error)) {
    return `the mesh at ${address} cannot be reached: run "make start" in another terminal, or set ADDRESS`;
  }
  if (error.code === Status.UNAVAILABLE) return error.details;
  return `${error.path} was refused with ${Status[error.code]}: ${error.details}`;
}

import { addressProblem, describeFailure, exitCode } from './failures.ts';
import { connect, type Mesh, outages } from './mesh.ts';

/**
 * Runs an example against the mesh at `ADDRESS` (default `127.0.0.1:50051`). Exits with 1 if the example returns false, with 2
 * if `ADDRESS` is invalid, with 3 if the mesh cannot be reached or does not serve, and with 4 if it refuses a call.
 */
export async function runExample(example: (mesh: Mesh) => Promise<boolean>): Promise<void> {
  const address = process.env.ADDRESS || '127.0.0.1:50051';
  const problem = addressProblem(address);
  if (problem !== undefined) return end(problem, exitCode.usage);
  let mesh: Mesh | undefined;
  try {
    mesh = connect(address);
    const [outage] = await outages(mesh);
    if (outage !== undefined) return end(outage, exitCode.unavailable);
    process.exitCode = (await example(mesh)) ? exitCode.done : exitCode.attention;
  } catch (error) {
    const { text, code } = describeFailure(error, address);
    end(text, code);
  } finally {
    mesh?.close();
  }
}

function end(text: string, code: number): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = code;
}

import { fileURLToPath } from 'node:url';
import { grpcGoClient } from '../../../mesh/testing/servers/go-tools.ts';
import { grpcJavaCommand, testProtoFolder } from '../../../mesh/testing/servers/grpc-java.ts';
import { grpcPythonPath } from '../../../mesh/testing/servers/grpc-python.ts';
import { mustRun } from './run-tool.ts';

/** Runs a case of grpc-go's interop client against a server on this port. Throws with its output if it fails. */
export async function runGoCase(port: number, name: string, ...args: readonly string[]): Promise<void> {
  // An IP address: for a name, the client would query DNS for a service config.
  const target = ['-server_host=127.0.0.1', `-server_port=${port}`];
  await mustRun([grpcGoClient.path, ...target, `-test_case=${name}`, ...args]);
}

/** Runs a case of grpc-java's interop client, likewise. */
export async function runJavaCase(port: number, name: string, ...args: readonly string[]): Promise<void> {
  const target = ['--use_tls=false', '--server_host=127.0.0.1', `--server_port=${port}`];
  await mustRun([...grpcJavaCommand('TestServiceClient'), ...target, `--test_case=${name}`, ...args]);
}

const pythonScript = fileURLToPath(new URL('../python/interop_client.py', import.meta.url));

/** Runs cases of grpcio in one process: loading gRPC takes longer than the cases. Returns the fault of each; `null`: it passed. */
export async function runPythonCases(
  port: number,
  cases: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  const output = await mustRun([grpcPythonPath, pythonScript, testProtoFolder, `127.0.0.1:${port}`, ...cases]);
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return new Map(lines.map((line) => JSON.parse(line)).map(({ case: name, fault }) => [name, fault]));
}

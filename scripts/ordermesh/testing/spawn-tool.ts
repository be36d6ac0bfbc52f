import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { spawnProcess } from '../../../mesh/testing/servers/start-process.ts';

/** Output and exit code of a command. */
export interface ToolRun {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/**
 * Runs a command of `ordermesh` against the mesh at `address` and waits until it exits. `token`: a
 * bearer token. Default: none.
 */
export async function spawnTool(
  command: string,
  address: string,
  args: readonly string[],
  token = '',
): Promise<ToolRun> {
  const options = { main: 'scripts/ordermesh.ts', args: [command, ...args], dataDir: 'none' };
  await using tool = spawnProcess({ ...options, environment: { ADDRESS: address, ORDERMESH_TOKEN: token } });
  const { code } = await tool.ended;
  return { code, lines: tool.stdout().trimEnd().split('\n'), errors: tool.stderr() };
}

/** Returns an address where nothing listens. */
export async function unusedAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

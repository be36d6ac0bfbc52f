import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from '../temp-folder.ts';
import { type StartedProxy, startProxy } from './proxy.ts';
import type { TestServer } from './servers.ts';

// Debian installs it where only root finds it.
const path = ['/usr/sbin/haproxy', 'haproxy'].find((file) => spawnSync(file, ['-v']).status === 0);

/** HAProxy, a proxy for gRPC, for `describeWithServer`. */
export const haproxy: TestServer = { name: 'HAProxy', version: installedVersion() };

/** Starts HAProxy with a configuration that listens on `address`. */
export async function startHaproxyWith(config: string, address: string): Promise<StartedProxy> {
  const folder = await tempFolder();
  const file = join(folder.path, 'haproxy.cfg');
  await writeFile(file, config);
  return startProxy({ command: [path ?? 'haproxy', '-db', '-f', file], address, folder });
}

function installedVersion(): string | undefined {
  const { stdout } = spawnSync(path ?? 'haproxy', ['-v'], { encoding: 'utf8' });
  return /version (\d[.\d]*)/.exec(stdout ?? '')?.[1];
}

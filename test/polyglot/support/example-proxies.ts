import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { haproxy, startHaproxyWith } from '../../../mesh/testing/servers/haproxy.ts';
import { nginx, startNginxWith } from '../../../mesh/testing/servers/nginx.ts';
import type { StartedProxy } from '../../../mesh/testing/servers/proxy.ts';
import type { TestServer } from '../../../mesh/testing/servers/servers.ts';

const folder = fileURLToPath(new URL('../../../examples/proxies/', import.meta.url));

/** A proxy whose configuration is a file in examples/proxies. */
export interface ExampleProxy {
  readonly server: TestServer;
  readonly file: string;
  start(config: string, address: string): Promise<StartedProxy>;
}

const nginxExample: ExampleProxy = { server: nginx, file: 'nginx.conf', start: startNginxWith };
const haproxyExample: ExampleProxy = { server: haproxy, file: 'haproxy.cfg', start: startHaproxyWith };

export const exampleProxies = { nginx: nginxExample, haproxy: haproxyExample };

/** Starts a proxy of meshes with its example configuration, changed by `edit`. */
export async function startExample(
  { file, start }: ExampleProxy,
  meshes: readonly string[],
  edit: (config: string) => string = (config) => config,
): Promise<StartedProxy> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = replaceOnce(await readFile(folder + file, 'utf8'), '127.0.0.1:50050', address);
  const [, line = ''] = /^(.*127\.0\.0\.1:50051.*\n)/m.exec(config) ?? [];
  const lines = meshes.map((mesh, index) => line.replace('127.0.0.1:50051', mesh).replace('mesh1', `mesh${index + 1}`));
  return start(edit(replaceOnce(config, line, lines.join(''))), address);
}

/** Replaces the only occurrence of a text. */
export function replaceOnce(config: string, text: string, replacement: string): string {
  const parts = config.split(text);
  if (parts.length !== 2) throw new Error(`the configuration has "${text}" ${parts.length - 1} times, not once`);
  return parts.join(replacement);
}

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { type StartedProxy, startProxy } from './proxy.ts';
import type { TestServer } from './servers.ts';

// Debian installs it where only root finds it.
const path = ['/usr/sbin/nginx', 'nginx'].find((file) => spawnSync(file, ['-v']).status === 0);

/** nginx, a proxy for gRPC, for `describeWithServer`. */
export const nginx: TestServer = { name: 'nginx', version: installedVersion() };

/** Starts nginx with its default buffers as a proxy of a gRPC server. */
export async function startNginx(target: string): Promise<StartedProxy> {
  const address = `127.0.0.1:${await freePort()}`;
  return startNginxWith(`server { listen ${address} http2; location / { grpc_pass grpc://${target}; } }`, address);
}

/** Starts nginx with a configuration like those in `conf.d`, which listens on `address`. */
export async function startNginxWith(config: string, address: string): Promise<StartedProxy> {
  const folder = await tempFolder();
  const file = join(folder.path, 'nginx.conf');
  await writeFile(file, mainConfig(folder.path, config));
  const command = [path ?? 'nginx', '-p', folder.path, '-c', file, '-e', join(folder.path, 'error.log')];
  return startProxy({ command, address, folder });
}

function mainConfig(folder: string, config: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    events {}
    http {
      access_log off;
      ${temporary.join('\n      ')}
      ${config}
    }
  `;
}

function installedVersion(): string | undefined {
  const { stderr } = spawnSync(path ?? 'nginx', ['-v'], { encoding: 'utf8' });
  return /nginx\/(\S+)/.exec(stderr ?? '')?.[1];
}

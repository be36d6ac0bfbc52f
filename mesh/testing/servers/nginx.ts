import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import type { TestServer } from './servers.ts';

// Debian installs it where only root finds it.
const path = ['/usr/sbin/nginx', 'nginx'].find((file) => spawnSync(file, ['-v']).status === 0);

/** nginx, a proxy for gRPC, for `describeWithServer`. */
export const nginx: TestServer = { name: 'nginx', version: installedVersion() };

/** A running nginx. It stops when it goes out of scope or the test process exits. */
export interface StartedNginx extends AsyncDisposable {
  readonly address: string;
}

/** Starts nginx with its default buffers as a proxy of a gRPC server. */
export async function startNginx(target: string): Promise<StartedNginx> {
  const folder = await tempFolder();
  const port = await freePort();
  const config = join(folder.path, 'nginx.conf');
  await writeFile(config, configOf(folder.path, target, port));
  const child = spawn(path ?? 'nginx', ['-p', folder.path, '-c', config, '-e', join(folder.path, 'error.log')], {
    stdio: 'ignore',
  });
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  await eventually(() => reach(port));
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      process.removeListener('exit', kill);
      await stop(child);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function configOf(folder: string, target: string, port: number): string {
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
      server {
        listen 127.0.0.1:${port} http2;
        location / { grpc_pass grpc://${target}; }
      }
    }
  `;
}

async function reach(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGQUIT');
  await once(child, 'exit');
}

function installedVersion(): string | undefined {
  const { stderr } = spawnSync(path ?? 'nginx', ['-v'], { encoding: 'utf8' });
  return /nginx\/(\S+)/.exec(stderr ?? '')?.[1];
}

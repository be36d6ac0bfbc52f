import { join } from 'node:path';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { consulBuild } from './registry-builds.ts';
import { type RestartableServer, restartable } from './restartable.ts';

/** Starts an agent that is its own server. It keeps nothing on the disk: a restart begins a new history. */
export async function startConsulAgent(): Promise<RestartableServer> {
  const folder = await tempFolder();
  const port = await freePort();
  const ports = await Promise.all(
    ['dns', 'grpc', 'server', 'serf-lan'].map(async (name) => [`-${name}-port`, `${await freePort()}`]),
  );
  const command = [
    ...['env', 'CHECKPOINT_DISABLE=1', consulBuild.path, 'agent', '-dev', '-disable-host-node-id'],
    ...['-bind', '127.0.0.1', '-client', '127.0.0.1', '-http-port', `${port}`, ...ports.flat()],
    ...['-grpc-tls-port', '-1', '-serf-wan-port', '-1', '-log-level', 'warn'],
    ...['-hcl', 'disable_update_check = true'],
  ];
  const address = `127.0.0.1:${port}`;
  return restartable({
    command,
    address,
    folder,
    log: join(folder.path, 'consul.log'),
    async isReady() {
      const response = await fetch(`http://${address}/v1/status/leader`);
      if ((await response.text()) === '""') throw new Error('no leader yet');
    },
  });
}

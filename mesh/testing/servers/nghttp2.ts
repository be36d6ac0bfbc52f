import { spawnSync } from 'node:child_process';
import type { TestServer } from './servers.ts';

/** h2load and nghttp, for `describeWithServer`: plain HTTP/2 clients without gRPC. */
export const nghttp2: TestServer = { name: 'nghttp2-client', version: versionOf('h2load') && versionOf('nghttp') };

function versionOf(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? /nghttp2\/(\S+)/.exec(stdout)?.[1] : undefined;
}

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

/** Where `make deps` puts grpcurl. */
export const grpcurlPath = fileURLToPath(new URL('../../.tools/bin/grpcurl', import.meta.url));

/** grpcurl as it was found, for `describeWithServer`: no server, but as easily missing as one. */
export const grpcurl: TestServer = { name: 'grpcurl', version: versionOf(grpcurlPath) };

function versionOf(binary: string): string | undefined {
  if (!existsSync(binary)) return undefined;
  // It tells its version on standard error; one that was not released has none.
  const { stderr } = spawnSync(binary, ['-version'], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(stderr)?.[0] ?? '(a build without a version)';
}

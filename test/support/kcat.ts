import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestServer } from '../../mesh/testing/servers.ts';

/** kcat as it was found, for `describeWithServer`: no server, but as easily missing as one. */
export const kcat: TestServer = { name: 'kcat', version: installedVersion() };

/** All that a topic has now, as kcat reads it: one `key value` a line. */
export async function readWithKcat(brokers: string, topic: string): Promise<string[]> {
  const reading = ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k %s\n'];
  const { stdout } = await promisify(execFile)('kcat', reading, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd().split('\n');
}

function installedVersion(): string | undefined {
  const { status, stdout } = spawnSync('kcat', ['-V'], { encoding: 'utf8' });
  return status === 0 ? /Version (\S+)/.exec(stdout)?.[1] : undefined;
}

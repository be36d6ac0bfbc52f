import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestServer } from '../../mesh/testing/servers/servers.ts';

/** The installed kcat, for `describeWithServer`. It is not a server, but may be missing like one. */
export const kcat: TestServer = { name: 'kcat', version: installedVersion() };

/** Reads a whole topic with kcat, one `key value` per line. */
export async function readWithKcat(brokers: string, topic: string): Promise<string[]> {
  const reading = ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k %s\n'];
  const { stdout } = await promisify(execFile)('kcat', reading, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd().split('\n');
}

function installedVersion(): string | undefined {
  const { status, stdout } = spawnSync('kcat', ['-V'], { encoding: 'utf8' });
  return status === 0 ? /Version (\S+)/.exec(stdout)?.[1] : undefined;
}

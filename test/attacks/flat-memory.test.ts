import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nghttp2 } from '../../mesh/testing/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers.ts';
import { mustRun } from '../conformance/support/run-tool.ts';
import { attackedServer, settles } from './support/attack.ts';
import { message } from './support/frames.ts';

const mib = 1024 * 1024;

describeWithServer(nghttp2, 'a server under load', () => {
  const target = attackedServer();

  /** Makes calls over eight connections, a hundred at a time on each. */
  async function load(calls: number): Promise<void> {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'flat-memory-'));
    const body = join(folder.path, 'body');
    await writeFile(body, message(Buffer.from('hello')));
    const fields = ['content-type: application/grpc', 'te: trailers', 'grpc-timeout: 10S'].flatMap((text) => [
      '-H',
      text,
    ]);
    const url = `http://127.0.0.1:${target.port}/attacked/Echo`;
    const output = await mustRun(['h2load', '-n', `${calls}`, '-c', '8', '-m', '100', ...fields, '-d', body, url]);
    expect(output).toContain(`${calls} succeeded, 0 failed, 0 errored, 0 timeout`);
  }

  it('has no more memory after a million calls than before them', async () => {
    // In which the heap's young generation grows once to what it will ever be.
    await load(800_000);
    await settles(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib));
    const { rssBytes, handlerRuns } = await target.state();
    await load(1_000_000);
    await settles(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib));
    const after = await target.state();
    expect(after.handlerRuns - handlerRuns).toBe(1_000_000);
    expect(after.rssBytes).toBeLessThan(1.25 * rssBytes);
  }, 240_000);
});

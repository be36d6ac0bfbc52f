import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { nghttp2 } from '../../mesh/testing/servers/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { mustRun } from '../conformance/support/run-tool.ts';
import { attackedServer } from './support/attack.ts';
import { message } from './support/frames.ts';

const mib = 1024 * 1024;

describeWithServer(nghttp2, 'a server under load', () => {
  const target = attackedServer();

  /** Makes calls over eight connections, with 100 concurrent calls on each. */
  async function load(calls: number): Promise<void> {
    await using folder = await tempFolder();
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

  it('uses no more memory after a million calls', async () => {
    await load(200_000);
    await eventually(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib));
    const { handlerRuns } = await target.state();
    await load(1_000_000);
    await eventually(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib));
    const after = await target.state();
    expect(after.handlerRuns - handlerRuns).toBe(1_000_000);
    // The young generation of the heap grows once to its limit, about 120 MB.
    expect(after.rssBytes).toBeLessThan(384 * mib);
  }, 240_000);
});

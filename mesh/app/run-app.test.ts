import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';

describe('the line that says ready', () => {
  let folder: TempFolder;
  let dataDir: string;

  beforeEach(async () => {
    folder = await tempFolder();
    dataDir = folder.path;
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it('says where the metrics are, where they are served', async () => {
    const environment = { METRICS_LISTEN: '127.0.0.1:0', LOG_LEVEL: 'info' };
    await using started = await startProcess({ dataDir, args: ['user'], environment });
    const line =
      /^ready grpc=127\.0\.0\.1:\d+ metrics=(127\.0\.0\.1:\d+) services=user data=.* tls=off tokens=off pid=/;
    const metrics = line.exec(started.stdout())?.[1];
    const response = await fetch(`http://${metrics}/metrics`);
    expect(await response.text()).toContain('ordermesh_build_info');
    expect(JSON.parse(started.stderr().trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ metrics, msg: 'ready' });
  });

  it('names each listener by the host that was set, so it shows which ones other machines reach', async () => {
    const everywhere = '0.0.0.0:0';
    const listeners = { GRPC_LISTEN: everywhere, HTTP_LISTEN: everywhere, METRICS_LISTEN: everywhere };
    const environment = { ...listeners, ALLOW_INSECURE: '1' };
    await using started = await startProcess({ dataDir, args: ['user', 'edge'], environment });
    expect(started.stdout()).toMatch(/^ready grpc=0\.0\.0\.0:\d+ http=0\.0\.0\.0:\d+ metrics=0\.0\.0\.0:\d+ /);
  });
});

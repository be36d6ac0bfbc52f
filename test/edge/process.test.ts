import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { testService } from '../../mesh/testing/test-service.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { send } from './support/http.ts';

/** A process with the edge and the settings. */
async function spawnEdge(environment: Record<string, string>, ...args: string[]) {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return { dataDir: folder.path, args: ['edge', ...args], environment };
}

describe('HTTP_LISTEN', () => {
  it('is where a process with the edge listens, and in its line ready', async () => {
    await using edge = await startProcess(await spawnEdge({ HTTP_LISTEN: '127.0.0.1:0' }, 'user'));
    expect(edge.stdout()).toMatch(/^ready grpc=127\.0\.0\.1:\d+ http=127\.0\.0\.1:\d+ services=user,edge /);
    expect(await send(edge.httpAddress ?? '', 'GET', '/api/users')).toMatchObject({ status: 200, json: [] });
    expect(await edge.stop()).toEqual({ code: 0, signal: null });
  });

  it('is off if it says so, and ignored without the edge', async () => {
    await using edge = await startProcess(await spawnEdge({ HTTP_LISTEN: 'off' }));
    expect(edge.stdout()).toMatch(/^ready grpc=\S+ services=edge /);
    const { dataDir, environment } = await spawnEdge({ HTTP_LISTEN: '127.0.0.1:0' });
    await using users = await startProcess({ dataDir, args: ['user'], environment });
    expect(users.stdout()).toMatch(/^ready grpc=\S+ services=user /);
  });

  it.each([0, 1])('is refused if another process has it, on start %i of a data folder', async (start) => {
    const options = await spawnEdge({ HTTP_LISTEN: '127.0.0.1:0' });
    for (let before = 0; before < start; before += 1) {
      await using first = await startProcess(options);
      await first.stop();
    }
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    await using refused = spawnProcess({ ...options, environment: { HTTP_LISTEN: address } });
    expect(await refused.ended).toEqual({ code: 2, signal: null });
    expect(refused.stderr()).toContain(`cannot start: cannot listen on HTTP_LISTEN=${address}: `);
    expect(refused.stdout()).toBe('');
  });

  it('is warned of if other machines can reach it', async () => {
    await using edge = await startProcess(await spawnEdge({ HTTP_LISTEN: '0.0.0.0:0', ALLOW_INSECURE: '1' }));
    await eventually(() => expect(edge.stderr()).toContain('other machines can call this process without TLS'));
  });
});

describe('/api/health', () => {
  it('answers whether the process serves', async () => {
    let isBroken = false;
    const check = async () => {
      if (isBroken) throw new Error('broken');
    };
    const service = testService('test', async () => ({ check }));
    const mesh = await startMesh([service, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    onTestFinished(() => mesh.stop());
    const ask = (method = 'GET') => send(mesh.httpAddress ?? '', method, '/api/health');
    expect(await ask()).toMatchObject({ status: 200, json: { status: 'SERVING' } });
    expect(await ask('HEAD')).toMatchObject({ status: 200, text: '' });
    expect(await ask('POST')).toMatchObject({ status: 405, headers: { allow: 'GET,HEAD' } });
    isBroken = true;
    await eventually(async () => expect(await ask()).toMatchObject({ status: 503, json: { reason: 'NOT_SERVING' } }), {
      timeoutMs: 15_000,
    });
  });
});

describe('the metrics of HTTP', () => {
  it('count requests by contract and status, and their time', async () => {
    const mesh = await startMesh([userService, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    onTestFinished(() => mesh.stop());
    for (const path of ['/api/users/nobody', '/api/users/no-one', '/api/users', '/nothing'])
      await send(mesh.httpAddress ?? '', 'GET', path);
    const { text } = await mesh.runtime.metrics.scrape();
    for (const [labels, count] of [
      ['service="user.v1.UserService",status="404",code="NOT_FOUND"', 2],
      ['service="user.v1.UserService",status="200",code="OK"', 1],
      ['service="none",status="404",code="NOT_FOUND"', 1],
    ])
      expect(text).toContain(`ordermesh_http_requests_total{${labels}} ${count}\n`);
    expect(text).toMatch(/ordermesh_http_request_seconds_total\{service="user\.v1\.UserService"\} \d+\.\d+/);
  });
});

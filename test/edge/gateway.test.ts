import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { send } from './support/http.ts';

describe('REST at a gateway', () => {
  let folder: TempFolder;
  let gateway: StartedProcess;
  let users: StartedProcess;
  let userAddress: string;
  let address: string;

  const startUsers = () => {
    const environment = { GRPC_LISTEN: userAddress };
    return startProcess({ dataDir: `${folder.path}/user`, args: ['user'], environment });
  };

  beforeAll(async () => {
    folder = await tempFolder();
    userAddress = `127.0.0.1:${await freePort()}`;
    users = await startUsers();
    const discovery = `static:user=${userAddress},order=127.0.0.1:${await freePort()}`;
    gateway = await startProcess({
      dataDir: `${folder.path}/gateway`,
      args: ['gateway'],
      environment: { DISCOVERY_URL: discovery, HTTP_LISTEN: '127.0.0.1:0', GRPC_ENGINE: 'native' },
    });
    address = gateway.httpAddress ?? '';
  });

  afterAll(async () => {
    await gateway.stop();
    await users.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('calls the instances of the services', async () => {
    const body = { id: 'ada', name: 'Ada', email: 'ada@example.com' };
    expect(await send(address, 'POST', '/api/users', { body })).toMatchObject({ status: 200, json: body });
    expect(await send(address, 'GET', '/api/users/ada')).toMatchObject({ status: 200, json: body });
    expect((await send(address, 'GET', '/api/users')).json).toMatchObject([body]);
    expect(await send(address, 'GET', '/api/users/bob')).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } });
  });

  it.each([
    ['no instance that can be reached', '/api/orders/1', 'UNAVAILABLE', /./],
    ['no address', '/api/items/book', 'NO_ENDPOINTS', /^inventory has no instance that takes calls: retry later$/],
  ])('answers 503 with Retry-After for a service with %s', async (_, path, reason, text) => {
    const refused = await send(address, 'GET', path);
    expect(refused).toMatchObject({ status: 503, json: { code: 'UNAVAILABLE', reason, retry_after_ms: 1_000 } });
    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.json.detail).toMatch(text);
    expect(refused.text).not.toMatch(/127\.0\.0\.1|DISCOVERY_URL/);
  });

  it('reaches a service again once it is back', async () => {
    await users.stop();
    expect(await send(address, 'GET', '/api/users/ada')).toMatchObject({ status: 503 });
    users = await startUsers();
    await eventually(async () => expect(await send(address, 'GET', '/api/users/ada')).toMatchObject({ status: 200 }));
  });
});

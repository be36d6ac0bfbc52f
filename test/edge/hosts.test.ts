import { connect } from 'node:http2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { send } from './support/http.ts';

/** Starts a mesh that has a user, and returns its address. Its default is that of processes. */
async function start(settings: Record<string, string> = {}): Promise<string> {
  const mesh = await startMesh([userService, edgeService], {
    HTTP_LISTEN: '127.0.0.1:0',
    HTTP_HOSTS: '',
    ...settings,
  });
  onTestFinished(() => mesh.stop());
  const address = mesh.httpAddress ?? '';
  const body = { id: 'ada', name: 'Ada', email: 'ada@example.com' };
  expect(await send(address, 'POST', '/api/users', { body })).toMatchObject({ status: 200 });
  return address;
}

const answers = async (address: string, hosts: readonly string[], path = '/api/users/ada') =>
  await Promise.all(
    hosts.map(async (host) => [host, (await send(address, 'GET', path, { headers: { host } })).status] as const),
  );
const all = (hosts: readonly string[], status: number) => hosts.map((host) => [host, status] as const);

const ofMachine = [
  'localhost',
  'LOCALHOST:8080',
  'localhost.',
  'a.localhost:1',
  '127.0.0.1:8080',
  '[::1]:8080',
  '10.0.0.7',
];
const others = ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.nip.io', 'x', 'notlocalhost'];

describe('a listener for this machine', () => {
  it('answers what names the machine or an address, and refuses other names', async () => {
    const address = await start();
    expect(await answers(address, ofMachine)).toEqual(all(ofMachine, 200));
    expect(await answers(address, others)).toEqual(all(others, 421));
    expect(await answers(address, others, '/api/docs')).toEqual(all(others, 421));
    expect(await answers(address, others, '/api/health')).toEqual(all(others, 421));
  });

  it('refuses before anything is called, and says what to do', async () => {
    const address = await start();
    const headers = { host: 'evil.example', origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' };
    const body = { name: 'Ben', email: 'ben@example.com' };
    for (const path of ['/api/users', '/user.v1.UserService/CreateUser']) {
      expect(await send(address, 'POST', path, { body, headers })).toMatchObject({
        status: 421,
        json: {
          reason: 'HOST_NOT_ALLOWED',
          detail: 'host "evil.example" is not served here: call localhost or an address, or add the name to HTTP_HOSTS',
        },
      });
    }
    expect((await send(address, 'GET', '/api/users')).json).toHaveLength(1);
  });

  it('checks the authority of HTTP/2', async () => {
    const address = await start();
    const session = connect(`http://${address}`);
    onTestFinished(() => session.close());
    const status = (authority: string, headers = {}) =>
      new Promise((resolve) => {
        const stream = session.request({ ':path': '/api/users/ada', ':authority': authority, ...headers });
        stream.once('response', (response) => resolve(response[':status'])).resume();
      });
    expect(await status('localhost:1')).toBe(200);
    expect(await status('evil.example')).toBe(421);
  });

  it('answers the names in HTTP_HOSTS too', async () => {
    const address = await start({ HTTP_HOSTS: 'api.example,ordermesh' });
    const listed = ['api.example', 'API.example:443', 'ordermesh', ...ofMachine];
    expect(await answers(address, listed)).toEqual(all(listed, 200));
    expect(await answers(address, ['b.api.example', ...others])).toEqual(all(['b.api.example', ...others], 421));
  });

  it('answers any name with *', async () => {
    expect(await answers(await start({ HTTP_HOSTS: '*' }), others)).toEqual(all(others, 200));
  });
});

describe('a listener for others', () => {
  it('answers any name unless HTTP_HOSTS lists some', async () => {
    const exposed = { HTTP_LISTEN: '0.0.0.0:0', ALLOW_INSECURE: '1' };
    expect(await answers(await start(exposed), others)).toEqual(all(others, 200));
    const address = await start({ ...exposed, HTTP_HOSTS: 'api.example' });
    expect(await answers(address, ['api.example', '10.0.0.7'])).toEqual(all(['api.example', '10.0.0.7'], 200));
    expect(await answers(address, others)).toEqual(all(others, 421));
  });
});

describe('a page of another origin', () => {
  it('cannot make a change without a body, which no preflight guards', async () => {
    const address = await start();
    const own = { host: address };
    const sent = [
      { ...own, origin: 'https://evil.example' },
      { ...own, origin: 'null' },
      { ...own, origin: `https://evil.example`, 'sec-fetch-site': 'cross-site' },
      { ...own, 'sec-fetch-site': 'same-site' },
      { ...own, origin: 'http://localhost:1' },
    ];
    for (const headers of sent) {
      for (const path of ['/api/orders/1:cancel', '/order.v1.OrderService/CancelOrder', '/api/ops/audit:run']) {
        const answer = await send(address, 'POST', path, { headers });
        expect([headers, path, answer.status]).toEqual([headers, path, 403]);
        expect(answer.json).toMatchObject({ reason: 'ORIGIN_NOT_ALLOWED' });
      }
    }
    const same = { ...own, origin: `http://${address}` };
    expect(await send(address, 'DELETE', '/api/users/ada', { headers: same })).toMatchObject({ status: 200 });
  });
});

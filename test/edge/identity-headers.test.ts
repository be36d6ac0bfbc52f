import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import { identityHeaders } from '../../mesh/edge/identity-headers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { userServiceWith } from './support/user-service.ts';

let mesh: TestMesh;
let metricsAddress: string;
let seen: Record<string, readonly (string | Uint8Array)[]>;

const users = userServiceWith({
  async getUser(_, { metadata }) {
    seen = Object.fromEntries(metadata);
    return User.fromPartial({ id: 'ada' });
  },
});

beforeAll(async () => {
  // The most that the setting can allow.
  mesh = await startMesh([users, edgeService], {
    HTTP_LISTEN: '127.0.0.1:0',
    HTTP_METADATA: '*,x-user-id,x-forwarded-for',
    METRICS_LISTEN: '127.0.0.1:0',
  });
  metricsAddress = mesh.metricsAddress ?? '';
});

afterAll(() => mesh.stop());

beforeEach(() => {
  seen = {};
});

type Headers = Readonly<Record<string, string>>;

const protocols: Readonly<Record<string, (address: string, headers: Headers) => Promise<{ readonly status: number }>>> =
  {
    REST: (address, headers) => send(address, 'GET', '/api/users/ada', { headers }),
    Connect: (address, headers) =>
      send(address, 'POST', '/user.v1.UserService/GetUser', { headers, body: { id: 'ada' } }),
    'gRPC-Web': (address, headers) => {
      const body = Buffer.from('\0\0\0\0\x05\n\x03ada');
      return send(address, 'POST', '/user.v1.UserService/GetUser', {
        headers: { ...headers, 'content-type': 'application/grpc-web+proto' },
        body,
      });
    },
  };

const ownNames = ['x-request-id', 'traceparent', 'user-agent'];

async function counted(header: string): Promise<number> {
  const { text } = await send(metricsAddress, 'GET', '/metrics');
  const line = text
    .split('\n')
    .find((found) => found.startsWith(`ordermesh_http_identity_headers_total{header="${header}"}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe.each(Object.keys(protocols))('a call by %s', (protocol) => {
  const call = async (headers: Headers) => {
    const { status } = (await protocols[protocol]?.(mesh.httpAddress ?? '', headers)) ?? {};
    expect(status).toBe(200);
    return Object.keys(seen);
  };

  it.each(identityHeaders)('cannot claim an identity by %s, which is counted', async (header) => {
    const before = await counted(header);
    const names = header.endsWith('*') ? [`${header.slice(0, -1)}a`, `${header.slice(0, -1)}a-bin`] : [header];
    expect(await call(Object.fromEntries(names.map((name) => [name, 'YWRtaW4'])))).toEqual(
      expect.not.arrayContaining(names),
    );
    expect(await counted(header)).toBe(before + names.length);
  });

  it.each([
    ['grpc-previous-rpc-attempts', '3'],
    ['grpc-timeout-x', '1H'],
    ['grpc-internal-encoding-request', 'gzip'],
    ['x-ordermesh-scope', 'process'],
    ['te', 'trailers'],
    ['cookie', 'session=1'],
    ['sec-fetch-site', 'none'],
    ['proxy-authorization', 'Basic YTpi'],
    ['content-language', 'en'],
  ])('does not pass %s', async (name, value) => {
    expect(await call({ [name]: value })).toEqual(expect.not.arrayContaining([name]));
  });

  it('passes what says no more than which request it is', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await call({ 'x-request-id': 'req-7', traceparent });
    expect(seen['x-request-id']).toEqual(['req-7']);
    expect(String(seen.traceparent)).toContain('0af7651916cd43dd8448eb211c80319c');
  });

  it('passes other metadata only if the protocol has metadata, and the setting names it', async () => {
    const passed = (await call({ 'x-tenant': 'blue', authorization: 'Bearer a' })).filter(
      (name) => !ownNames.includes(name),
    );
    expect(passed.sort()).toEqual(protocol === 'REST' ? [] : ['authorization', 'x-tenant']);
  });
});

it('passes nothing but authorization by default', async () => {
  const strict = await startMesh([users, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  try {
    const headers = { 'x-tenant': 'blue', authorization: 'Bearer a', tracestate: 'a=b', baggage: 'user=admin' };
    await protocols.Connect?.(strict.httpAddress ?? '', headers);
    expect(Object.keys(seen).filter((name) => !ownNames.includes(name))).toEqual(['authorization']);
  } finally {
    await strict.stop();
  }
});

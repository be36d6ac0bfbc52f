import { Code, ConnectError } from '@connectrpc/connect';
import { type Channel, createChannel, createClient, Metadata, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HealthDefinition, HealthCheckResponse_ServingStatus as ServingStatus } from '#gen/grpc/health/v1/health.ts';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { type Forgeries, forgeTokens } from '../../mesh/security/testing/forged-tokens.ts';
import { createTestIssuer, type TestIssuer } from '../../mesh/security/testing/test-issuer.ts';
import { reflectionDefinitions } from '../../mesh/server/reflection/definitions.ts';
import { type CapturedLog, captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { authSettings } from './support/issuer-of-mesh.ts';
import { rpcProtocols, userClient } from './support/rpc-clients.ts';
import { userServiceWith } from './support/user-service.ts';

const text = 'the token is not valid: get a new one from its issuer';
const challenge = 'Bearer realm="ordermesh"';

let folder: TempFolder;
let mesh: TestMesh;
let channel: Channel;
let address: string;
let issuer: TestIssuer;
let forgeries: Forgeries;
let log: CapturedLog;
let seen: { readonly caller: unknown; readonly keys: string[] }[] = [];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

beforeAll(async () => {
  [folder, issuer] = await Promise.all([tempFolder(), createTestIssuer()]);
  forgeries = await forgeTokens(issuer);
  log = captureLog({ level: 'debug' });
  const users = userServiceWith({
    async getUser({ id }, { caller, metadata }) {
      seen.push({ caller, keys: [...metadata].map(([key]) => key) });
      return { id };
    },
    async importUsers(requests) {
      let imported = 0n;
      for await (const _row of requests) imported += 1n;
      return { imported, failures: [] };
    },
    async *listUsers(_, { caller, signal }) {
      yield { id: caller?.subject ?? '' };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const settings = await authSettings(folder.path, forgeries.keySet, issuer);
  mesh = await startMesh(
    [users, edgeService],
    { ...settings, HTTP_LISTEN: '127.0.0.1:0', HTTP_METADATA: '*' },
    log.logger,
  );
  address = mesh.httpAddress ?? '';
  channel = createChannel(mesh.address);
});

afterAll(async () => {
  channel.close();
  await mesh.stop();
  await folder[Symbol.asyncDispose]();
});

const getUser = (id: string, headers = {}) => send(address, 'GET', `/api/users/${id}`, { headers });

describe('a forged token', () => {
  it('is refused over REST, by one answer', async () => {
    seen = [];
    for (const { name, token } of forgeries.tokens) {
      const { status, headers, json } = await getUser('eve', bearer(token));
      expect.soft([status, json?.reason, json?.detail], name).toEqual([401, 'INVALID_TOKEN', text]);
      const whole = `${challenge}, error="invalid_token", error_description="${text}"`;
      expect.soft(headers['www-authenticate'], name).toBe(whole);
    }
    expect(seen).toEqual([]);
  });

  it('is refused over gRPC, by one answer', async () => {
    const client = createClient(UserServiceDefinition, channel);
    for (const { name, token } of forgeries.tokens) {
      const call = client.getUser({ id: 'eve' }, { metadata: Metadata(bearer(token)) });
      const answer = await call.then(String, ({ code, details }) => [code, details]);
      expect.soft(answer, name).toEqual([Code.Unauthenticated, text]);
    }
    expect(seen).toEqual([]);
  });

  it.each(rpcProtocols)('is refused over %s', async (protocol) => {
    const client = userClient(address, protocol);
    const options = { headers: bearer(`${await issuer.sign('eve')}A`) };
    for (const call of [() => client.getUser({ id: 'eve' }, options), () => first(client.listUsers({}, options))]) {
      const error = ConnectError.from(await call().catch((thrown: unknown) => thrown));
      expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, text]);
    }
    expect(seen).toEqual([]);
  });

  it.each([
    ['another scheme', (token: string) => ({ authorization: `Basic ${token}` })],
    ['no scheme', (token: string) => ({ authorization: token })],
    ['two tokens', (token: string) => ({ authorization: `Bearer ${token} ${token}` })],
    ['two headers', (token: string) => ({ authorization: [`Bearer ${token}`, `Bearer ${token}`] })],
  ])('is also a good one with %s', async (_, headers) => {
    const { status, json } = await getUser('eve', headers(await issuer.sign('eve')));
    const detail = 'the header authorization has no bearer token: send Bearer, a space and the token';
    expect([status, json.reason, json.detail]).toEqual([401, 'INVALID_TOKEN', detail]);
  });

  it('stays out of the log', async () => {
    const all = JSON.stringify(log.lines);
    expect(all).toContain('token refused');
    for (const { name, token } of forgeries.tokens)
      for (const part of token.split('.')) if (part.length > 40) expect.soft(all, name).not.toContain(part);
  });
});

describe('a token', () => {
  it('says to services who calls, and does not reach them', async () => {
    seen = [];
    const headers = bearer(await issuer.sign('eve', { claims: { roles: ['customer'] } }));
    expect((await getUser('eve', headers)).status).toBe(200);
    for (const protocol of rpcProtocols) await userClient(address, protocol).getUser({ id: 'eve' }, { headers });
    expect(seen).toHaveLength(1 + rpcProtocols.length);
    for (const { caller, keys } of seen) {
      expect(caller).toMatchObject({ service: undefined, subject: 'eve', roles: ['customer'] });
      expect(keys.filter((key) => /authorization|^mesh-/.test(key))).toEqual([]);
    }
  });

  it('of another user is not enough, whether the user exists or not', async () => {
    const { status, headers, json } = await getUser('bob', bearer(await issuer.sign('eve')));
    expect([status, json.code, json.reason]).toEqual([403, 'PERMISSION_DENIED', 'PERMISSION_DENIED']);
    expect(headers['www-authenticate']).toBeUndefined();
  });

  it('is asked for where it is missing', async () => {
    const { status, headers, json } = await getUser('eve');
    expect([status, json.reason, headers['www-authenticate']]).toEqual([401, 'UNAUTHENTICATED', challenge]);
    expect((await getUser('eve', { 'mesh-subject': 'eve', 'mesh-roles': 'admin' })).status).toBe(401);
  });

  it('is asked for before the body and the headers are looked at', async () => {
    const sent = { headers: { 'content-type': 'application/json' }, body: '{"name": ' };
    const { status, json } = await send(address, 'POST', '/api/users', sent);
    expect([status, json.reason]).toEqual([401, 'UNAUTHENTICATED']);
    const path = '/payment.v1.AccountService/Deposit';
    const unread = await send(address, 'POST', path, { ...sent, body: '{"accountId": 1}' });
    expect([unread.status, unread.json.code]).toEqual([401, 'unauthenticated']);
  });

  it('is not needed for the health, and the page that shows the API', async () => {
    for (const path of ['/api/health', '/api/docs', '/api/docs/initializer.js'])
      expect((await send(address, 'GET', path, { headers: bearer('forged') })).status, path).toBe(200);
  });

  it('is needed for what describes the API, over HTTP and gRPC', async () => {
    const good = await issuer.sign('eve');
    const get = (headers: Record<string, string>) => send(address, 'GET', '/api/openapi.json', { headers });
    const unknown = await get({});
    expect([unknown.status, unknown.json.reason]).toEqual([401, 'UNAUTHENTICATED']);
    expect(unknown.headers['www-authenticate']).toBe(challenge);
    expect(unknown.text).not.toContain('openapi"');
    expect((await get(bearer('forged'))).json.reason).toBe('INVALID_TOKEN');
    const known = await get(bearer(good));
    expect([known.status, known.json.openapi]).toEqual([200, '3.1.0']);
    // What a browser has kept is not confirmed either.
    expect((await get({ 'if-none-match': String(known.headers.etag) })).status).toBe(401);

    const health = createClient(HealthDefinition, channel);
    const listing = (metadata?: Metadata) =>
      health.list({}, metadata ? { metadata } : {}).then(
        ({ statuses }) => Object.keys(statuses),
        ({ code }) => code,
      );
    expect(await listing()).toBe(Status.UNAUTHENTICATED);
    expect(await listing(Metadata(bearer(good)))).toContain('user.v1.UserService');
    // Probes have no token.
    expect(await health.check({ service: '' })).toEqual({ status: ServingStatus.SERVING });
    expect(await first(health.watch({ service: 'user.v1.UserService' }))).toEqual({ status: ServingStatus.SERVING });
    for (const definition of reflectionDefinitions) {
      const reflection = createClient(definition, channel);
      const request = { messageRequest: { $case: 'listServices' as const, value: '' } };
      const call = first(reflection.serverReflectionInfo(once(request)));
      await expect(call).rejects.toMatchObject({ code: Status.UNAUTHENTICATED });
    }
  });

  it('ends the streams that it has opened when it expires', async () => {
    // In the permitted skew of a minute, so it ends in a second.
    const claims = { roles: ['operator'], iat: 1, exp: Math.floor(Date.now() / 1_000) - 58 };
    const headers = bearer(await issuer.sign('eve', { claims }));
    const streams = ['text/event-stream', 'application/x-ndjson'].map((accept) =>
      send(address, 'GET', '/api/users', { headers: { ...headers, accept } }),
    );
    const messages: string[] = [];
    const watch = async () => {
      for await (const { id } of userClient(address, 'Connect with JSON').listUsers({}, { headers })) messages.push(id);
    };
    const error = ConnectError.from(await watch().catch((thrown: unknown) => thrown));
    expect([messages, error.code]).toEqual([['eve'], Code.Unauthenticated]);
    for (const { text: body } of await Promise.all(streams)) expect(body).toContain('TOKEN_EXPIRED');
    await eventually(() => expect(JSON.stringify(log.lines)).toContain('"code":"UNAUTHENTICATED"'));
  });

  it('ends the requests of a change when it expires, and answers those before', async () => {
    const claims = { roles: ['admin', 'operator'], iat: 1, exp: Math.floor(Date.now() / 1_000) - 58 };
    const headers = { ...bearer(await issuer.sign('adam', { claims })), 'request-reason': 'a test' };
    async function* rows() {
      yield { user: { id: 'one', name: 'One', email: 'one@example.com' } };
      await new Promise(() => undefined);
    }
    const answer = await userClient(address, 'Connect over HTTP/2').importUsers(rows(), { headers });
    expect(answer.imported).toBe(1n);
  });
});

async function* once<Item>(item: Item): AsyncGenerator<Item> {
  yield item;
}

async function first<Item>(items: AsyncIterable<Item>): Promise<Item | undefined> {
  for await (const item of items) return item;
  return undefined;
}

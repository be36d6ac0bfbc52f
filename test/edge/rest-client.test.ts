import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RestApi } from '#gen/rest.ts';
import { createServiceClient } from '../../mesh/rest-client/create-service-client.ts';
import { RestError } from '../../mesh/rest-client/rest-error.ts';
import type { TypedRestClient } from '../../mesh/rest-client/typed-client.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { euros } from '../support/shop.ts';

let mesh: TestMesh;
let link: FaultProxy;
let client: TypedRestClient<RestApi>;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  link = await startFaultProxy(Number(mesh.httpAddress?.split(':')[1]));
  client = createServiceClient<RestApi>(`http://127.0.0.1:${link.port}/api`, { timeoutMs: 20_000 });
});
afterAll(async () => {
  client?.close();
  await link?.close();
  await mesh?.stop();
});

const newUser = (name = 'Ada') => {
  const id = randomUUID();
  return client.post('/users', { id, name, email: `${id}@example.com` });
};

/** Opens an account; returns its path. */
async function newAccount() {
  const { data } = await client.post('/accounts', { accountId: randomUUID(), currencyCode: 'EUR' });
  return `/accounts/${data.id}` as const;
}

describe('the REST client at the edge', () => {
  it('creates and reads with the types of the contracts', async () => {
    const { status, data: created, headers } = await newUser();
    expect([status, headers.etag]).toEqual([200, `"${created.etag}"`]);
    expect((await client.get(`/users/${created.id}`)).data).toEqual(created);
    expect((await client.head(`/users/${created.id}`)).headers.etag).toBe(headers.etag);
    const { data: both } = await client.get('/users:batchGet', { params: { ids: [created.id, 'nobody'] } });
    expect(both.users).toEqual([created]);
    expect((await client.get('/users', { params: { limit: 1 } })).data).toHaveLength(1);
    await client.delete(`/users/${created.id}`);
    expect((await client.get(`/users/${created.id}`, { expectedStatuses: [404] })).status).toBe(404);
  });

  it('throws a problem as an error with its reason, violations and request id', async () => {
    const missing = client.get('/users/nobody', { headers: { 'x-request-id': 'call-1' } });
    await expect(missing).rejects.toBeInstanceOf(RestError);
    await expect(missing).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      status: 404,
      reason: 'USER_NOT_FOUND',
      requestId: 'call-1',
      message: expect.stringContaining('nobody'),
      body: { type: 'urn:ordermesh:error:USER_NOT_FOUND' },
    });
    await expect(client.post('/users', { id: '-', name: 'Ada', email: 'nobody' })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      status: 400,
      violations: [{ field: 'user.id' }, { field: 'user.email' }],
    });
  });

  it('reads integers beyond 2^53 and amounts exactly', async () => {
    const account = await newAccount();
    const amount = euros(9_007_199_254_740_993n);
    const { data } = await client.post(`${account}:deposit`, { amount }, { idempotencyKey: randomUUID() });
    expect(data.balance?.minorUnits).toBe('9007199254740993');
  });

  it('reads answers that come compressed', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, () => newUser('A'.repeat(100))));
    const ids = users.map(({ data }) => data.id);
    const { data, headers } = await client.get('/users:batchGet', { params: { ids } });
    expect(data.users).toHaveLength(20);
    expect(Number(headers['content-length'])).toBeLessThan(JSON.stringify(data).length / 2);
    // A stream.
    expect((await client.get('/users', { params: { limit: 20 } })).data).toHaveLength(20);
  });

  it('knows a version by its etag, and lets one of two changes through', async () => {
    const { data: user, headers } = await newUser();
    const path = `/users/${user.id}` as const;
    const known = { headers: { 'if-none-match': headers.etag ?? '' }, expectedStatuses: [304] };
    expect(await client.get(path, known)).toMatchObject({ status: 304, data: undefined });
    const version = { headers: { 'if-match': headers.etag ?? '' } };
    const changed = await client.patch(path, { name: 'Eve' }, version);
    expect(await client.get(path, known)).toMatchObject({ status: 200, data: { name: 'Eve' } });
    await expect(client.patch(path, { name: 'Eva' }, version)).rejects.toMatchObject({
      code: Status.ABORTED,
      status: 412,
      reason: 'STALE_ETAG',
    });
    expect((await client.get(path)).data).toEqual(changed.data);
  });
});

describe('a change with an idempotencyKey', () => {
  it('takes effect once although its answer is lost', async () => {
    const account = await newAccount();
    using other = createServiceClient<RestApi>(`http://${mesh.httpAddress}/api`);
    link.blackHole('replies');
    const deposit = client.post(`${account}:deposit`, { amount: euros(5n) }, { idempotencyKey: randomUUID() });
    await eventually(async () => expect((await other.get(account)).data.balance?.minorUnits).toBe('5'));
    link.cut();
    link.heal();
    expect((await deposit).data).toMatchObject({ version: '2', balance: { minorUnits: '5' } });
    expect((await other.get(`${account}/events`)).data).toHaveLength(2);
  });

  it('gets its first answer again, and 422 for another body', async () => {
    const account = await newAccount();
    const key = { idempotencyKey: randomUUID() };
    const first = await client.post(`${account}:deposit`, { amount: euros(5n) }, key);
    expect((await client.post(`${account}:deposit`, { amount: euros(5n) }, key)).data).toEqual(first.data);
    await expect(client.post(`${account}:deposit`, { amount: euros(6n) }, key)).rejects.toMatchObject({ status: 422 });
    expect((await client.get(account)).data.balance?.minorUnits).toBe('5');
  });
});

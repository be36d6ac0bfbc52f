import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { edgeService } from '../../services/edge/service.ts';
import { bookOrder, euros, fillShop, shopOf, stocked } from '../support/shop.ts';
import { heldUsers } from './support/held-users.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  await fillShop(shopOf(mesh.runtime));
});

afterAll(() => mesh.stop());

const send = (method: string, path: string, parts?: SentRequest) => sendTo(mesh.httpAddress ?? '', method, path, parts);
const keyed = (key: string, body: unknown): SentRequest => ({ headers: { 'idempotency-key': key }, body });
const deposit = (key: string, minorUnits: number) =>
  send(
    'POST',
    '/api/accounts/ada:deposit',
    keyed(key, { amount: { currencyCode: 'EUR', minorUnits: `${minorUnits}` } }),
  );
const balance = async () => Number((await send('GET', '/api/accounts/ada')).json.balance.minorUnits);

describe('a change with an Idempotency-Key', () => {
  it.each([
    ['a UUID', randomUUID()],
    ['a UUID in quotes and upper case', `"${randomUUID().toUpperCase()}"`],
    ['another string', 'deposit 17 of "ada"'.replaceAll('"', '').replaceAll(' ', '-')],
    ['another string in quotes', '"deposit \\"18\\" of ada"'],
  ])('takes effect once, if the key is %s', async (_, key) => {
    const before = await balance();
    const first = await deposit(key, 5);
    expect(first).toMatchObject({ status: 200, headers: { 'idempotency-key': key } });
    await deposit(randomUUID(), 1);
    const again = await deposit(key, 5);
    expect(again).toMatchObject({ status: 200, json: first.json, headers: { 'idempotency-key': key } });
    expect(await balance()).toBe(before + 6);
  });

  it('is the same as the change by gRPC with that request_id', async () => {
    const requestId = randomUUID();
    const before = await balance();
    await deposit(requestId, 5);
    const accounts = mesh.runtime.client(AccountServiceContract);
    await accounts.deposit({ requestId, accountId: 'ada', amount: euros(5n) });
    expect(await balance()).toBe(before + 5);
  });

  it('places one order', async () => {
    const { requestId: _, ...order } = bookOrder();
    const place = () => send('POST', '/api/orders', keyed('my-order', jsonOrder(order)));
    const first = await place();
    expect(first.status).toBe(200);
    expect((await place()).json).toEqual(first.json);
    expect((await send('GET', '/api/orders')).json).toHaveLength(1);
  });

  it('is refused with another payload', async () => {
    const key = randomUUID();
    await deposit(key, 5);
    const before = await balance();
    expect(await deposit(key, 6)).toMatchObject({
      status: 422,
      json: {
        status: 422,
        reason: 'REQUEST_ID_REUSED',
        type: 'urn:ordermesh:error:REQUEST_ID_REUSED',
        detail: expect.stringMatching(`^Idempotency-Key ${key} was already used .* use a new key$`),
        metadata: { requestId: key },
      },
      headers: { 'idempotency-key': key },
    });
    expect(await balance()).toBe(before);
  });

  it('may decide again after a refusal, under the same key', async () => {
    const key = randomUUID();
    const withdraw = (userId: string, minorUnits: number) =>
      send('POST', `/api/accounts/${userId}:withdraw`, keyed(key, { amount: { currencyCode: 'EUR', minorUnits } }));
    expect(await withdraw('tom', 7)).toMatchObject({ status: 400, json: { reason: 'INSUFFICIENT_FUNDS' } });
    await send(
      'POST',
      '/api/accounts/tom:deposit',
      keyed(randomUUID(), { amount: { currencyCode: 'EUR', minorUnits: 9 } }),
    );
    expect(await withdraw('tom', 7)).toMatchObject({ status: 200, json: { balance: { minorUnits: '2' } } });
  });
});

describe('a change without an Idempotency-Key', () => {
  const amount = { currencyCode: 'EUR', minorUnits: '5' };

  it.each([
    ['POST', '/api/orders', {}],
    ['POST', '/api/accounts/ada:deposit', { amount }],
    ['POST', '/api/accounts/ada:withdraw', { amount }],
    ['POST', `/api/items/${stocked.sku}:adjustStock`, { delta: '1' }],
  ])('is refused by %s %s', async (method, path, body) => {
    expect(await send(method, path, { body })).toMatchObject({
      status: 400,
      json: { reason: 'IDEMPOTENCY_KEY_MISSING', detail: expect.stringContaining('Idempotency-Key') },
    });
  });

  it('may have a request_id in its body', async () => {
    const before = await balance();
    const body = { requestId: randomUUID(), amount };
    for (const _ of [1, 2]) expect((await send('POST', '/api/accounts/ada:deposit', { body })).status).toBe(200);
    expect(await balance()).toBe(before + 5);
  });

  it('is made if it moves neither money nor goods', async () => {
    const body = { id: 'keyless', name: 'K', email: 'keyless@example.com' };
    expect((await send('POST', '/api/users', { body })).status).toBe(200);
  });

  it('by gRPC is made as before', async () => {
    const accounts = mesh.runtime.client(AccountServiceContract);
    await expect(accounts.deposit({ accountId: 'ada', amount: euros(1n) })).resolves.toMatchObject({ id: 'ada' });
  });
});

describe('an Idempotency-Key', () => {
  it.each(['', 'two words', 'a, b', 'k'.repeat(256), '"open'])('of %j is refused', async (key) => {
    expect(await deposit(key, 5)).toMatchObject({
      status: 400,
      json: { reason: 'INVALID_HEADER', violations: [{ field: 'Idempotency-Key' }] },
    });
  });

  it('is refused if there are two', async () => {
    const twice = await send('POST', '/api/accounts/ada:deposit', {
      headers: { 'idempotency-key': ['a', 'b'] },
      body: {},
    });
    expect(twice).toMatchObject({ status: 400, json: { reason: 'INVALID_HEADER' } });
  });

  it('must not differ from a request_id in the body', async () => {
    const body = { requestId: randomUUID(), amount: { currencyCode: 'EUR', minorUnits: 5 } };
    expect(await send('POST', '/api/accounts/ada:deposit', keyed(randomUUID(), body))).toMatchObject({
      status: 400,
      json: { reason: 'HEADER_CONTRADICTS_BODY', violations: [{ field: 'request_id' }] },
    });
  });

  it('is ignored by reads', async () => {
    const read = await send('GET', '/api/accounts/ada', { headers: { 'idempotency-key': 'not, a, key' } });
    expect(read.status).toBe(200);
    expect(read.headers).not.toHaveProperty('idempotency-key');
  });
});

describe('a request that is repeated while the first is in progress', () => {
  it('gets 409 with Retry-After, and later the answer', async () => {
    const { service, calls } = heldUsers();
    const held = await startMesh([service, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    const body = { name: 'Ada', email: 'ada@example.com' };
    const create = (key: string) => sendTo(held.httpAddress ?? '', 'POST', '/api/users', keyed(key, body));
    try {
      const first = create('one');
      await eventually(() => expect(calls).toHaveLength(1));
      expect(await create('one')).toMatchObject({
        status: 409,
        headers: { 'retry-after': '1', 'idempotency-key': 'one' },
        json: { reason: 'IDEMPOTENCY_KEY_IN_USE', retry_after_ms: 1_000 },
      });
      const other = create('two');
      await eventually(() => expect(calls).toHaveLength(2));
      for (const call of calls) call.resolve({ id: 'ada' });
      expect([(await first).status, (await other).status]).toEqual([200, 200]);
      const again = create('one');
      await eventually(() => expect(calls).toHaveLength(3));
      calls[2]?.resolve({ id: 'ada' });
      expect((await again).status).toBe(200);
    } finally {
      await held.stop();
    }
  });
});

/** An order as JSON: without the message that its clients leave out. */
function jsonOrder({ userId, items, shippingAddress }: Omit<ReturnType<typeof bookOrder>, 'requestId'>) {
  return { userId, items: items.map(({ sku, quantity }) => ({ sku, quantity })), shippingAddress };
}

import { randomUUID } from 'node:crypto';
import { create, type Message } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { edgeService } from '../../services/edge/service.ts';
import { fillShop, shopOf, stocked } from '../support/shop.ts';
import { heldUsers } from './support/held-users.ts';
import { send } from './support/http.ts';
import { contracts } from './support/rpc-clients.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  await fillShop(shopOf(mesh.runtime));
});

afterAll(() => mesh.stop());

const call = (method: string, body: unknown, headers = {}) =>
  send(mesh.httpAddress ?? '', 'POST', `/${method}`, { headers, body });
const deposit = (body: unknown, headers = {}) => call('payment.v1.AccountService/Deposit', body, headers);
const euros = (minorUnits: string) => ({ accountId: 'ada', amount: { currencyCode: 'EUR', minorUnits } });
const balance = async () =>
  Number((await call('payment.v1.AccountService/GetBalance', { accountId: 'ada' })).json.balance.minorUnits);
/** What a call was refused with. */
const reasonOf = ({ json }: Awaited<ReturnType<typeof send>>) => json.details[0].debug.reason;

describe('a change by Connect with an Idempotency-Key', () => {
  it.each(['a-word', '"some words"', randomUUID()])('takes effect once, also by REST, with %s', async (key) => {
    const before = await balance();
    const keyed = { 'idempotency-key': key };
    const first = await deposit(euros('5'), keyed);
    expect(first).toMatchObject({ status: 200, headers: keyed });
    expect(await deposit(euros('5'), keyed)).toMatchObject({ status: 200, json: first.json, headers: keyed });
    const { amount } = euros('5');
    const rest = { headers: keyed, body: { amount } };
    const byRest = await send(mesh.httpAddress ?? '', 'POST', '/api/accounts/ada:deposit', rest);
    expect(byRest).toMatchObject({ status: 200, json: first.json });
    expect(await balance()).toBe(before + 5);
  });

  it('is refused with another payload', async () => {
    const keyed = { 'idempotency-key': 'used' };
    await deposit(euros('5'), keyed);
    const refused = await deposit(euros('6'), keyed);
    expect([refused.json.code, reasonOf(refused)]).toEqual(['already_exists', 'REQUEST_ID_REUSED']);
    expect(refused.json.message).toMatch(/^Idempotency-Key used was already used /);
  });

  it.each([
    ['contradicts the message', randomUUID(), 'HEADER_CONTRADICTS_BODY'],
    ['is no key', 'two, keys', 'INVALID_HEADER'],
  ])('is refused if it %s', async (_, key, reason) => {
    const refused = await deposit({ ...euros('5'), requestId: randomUUID() }, { 'idempotency-key': key });
    expect([refused.status, reasonOf(refused)]).toEqual([400, reason]);
  });

  it('is ignored by what only reads', async () => {
    const read = await call('user.v1.UserService/GetUser', { id: 'ada' }, { 'idempotency-key': 'two, keys' });
    expect(read.status).toBe(200);
  });
});

describe('a change by Connect or gRPC-Web that needs a key', () => {
  const changes = [
    ['payment.v1.AccountService', 'Deposit', euros('5')],
    ['payment.v1.AccountService', 'Withdraw', euros('5')],
    ['inventory.v1.InventoryService', 'AdjustStock', { sku: stocked.sku, delta: '1' }],
    ['order.v1.OrderService', 'PlaceOrder', {}],
  ] as const;

  it.each(changes)('is refused without one: %s/%s by Connect', async (service, method, body) => {
    const refused = await call(`${service}/${method}`, body);
    expect([refused.status, reasonOf(refused)]).toEqual([400, 'IDEMPOTENCY_KEY_MISSING']);
  });

  it.each(changes)('is refused without one: %s/%s by gRPC-Web', async (name, method) => {
    const service = contracts.getService(name);
    const desc = service?.methods.find((each) => each.name === method);
    if (!service || !desc) throw new Error(`there is no ${method}`);
    const client = createClient(service, createGrpcWebTransport({ baseUrl: `http://${mesh.httpAddress}` }));
    // The types of its methods are not known to the compiler.
    const methods = client as unknown as Readonly<Record<string, (request: Message) => Promise<Message>>>;
    const refused = methods[desc.localName]?.(create(desc.input)) ?? Promise.resolve();
    const text = await refused.then(String, (error) => ConnectError.from(error).rawMessage);
    expect(text).toContain('needs an Idempotency-Key');
  });

  it('takes effect with a request_id in the message', async () => {
    const before = await balance();
    const requestId = randomUUID();
    for (const _ of [1, 2]) expect(await deposit({ ...euros('5'), requestId })).toMatchObject({ status: 200 });
    expect(await balance()).toBe(before + 5);
  });
});

it('a change in progress by REST is not made by Connect at the same time', async () => {
  const { service, calls } = heldUsers();
  const held = await startMesh([service, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  const address = held.httpAddress ?? '';
  const user = { name: 'Ada', email: 'ada@example.com' };
  const headers = { 'idempotency-key': 'one' };
  try {
    const first = send(address, 'POST', '/api/users', { headers, body: user });
    await eventually(() => expect(calls).toHaveLength(1));
    const second = await send(address, 'POST', '/user.v1.UserService/CreateUser', { headers, body: { user } });
    expect([second.json.code, reasonOf(second)]).toEqual(['aborted', 'IDEMPOTENCY_KEY_IN_USE']);
    calls[0]?.resolve({ id: 'ada' });
    // The keys of REST are of the method too, so this was the same change.
    expect((await first).status).toBe(200);
  } finally {
    await held.stop();
  }
});

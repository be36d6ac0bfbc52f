import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ClientHttp2Session } from 'node:http2';
import { create, createFileRegistry, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createOracle } from '../mesh/contract/testing/oracle.ts';
import { rawCall, rawConnection } from '../mesh/server/testing/raw-call.ts';
import { grpcFrame } from '../mesh/testing/grpc-frame.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { allServices } from '../services/all.ts';
import { badMessages } from './support/bad-messages.ts';
import { bookOrder, euros, type Shop, shopOf } from './support/shop.ts';

const descriptors = await readFile(new URL('../gen/descriptors.binpb', import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const oracle = createOracle(registry);
const methods = [...registry]
  .filter((type): type is DescService => type.kind === 'service' && !type.typeName.startsWith('grpc.'))
  .flatMap((service) => service.methods)
  .map((method) => ({ method, path: `/${method.parent.typeName}/${method.name}` }));

/** Codes that a valid request may get: never one with an unknown outcome. */
const definite: ReadonlySet<Status> = new Set([
  Status.OK,
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
  Status.OUT_OF_RANGE,
]);

let mesh: TestMesh;
let shop: Shop;
let session: ClientHttp2Session;

beforeAll(async () => {
  mesh = await startMesh(allServices);
  shop = shopOf(mesh.runtime);
  session = await rawConnection(mesh.address);
});

afterAll(async () => {
  session.close();
  await mesh.stop();
});

// The process is still alive and answers on the same connection.
afterEach(async () => {
  const { status } = await rawCall(session, '/user.v1.UserService/ListUsers', grpcFrame(new Uint8Array()));
  expect(status).toBe(Status.OK);
});

describe('a request with odd fields', () => {
  it.each(methods)('gets a definite response from $path, which names the invalid fields', async ({ method, path }) => {
    const isImport = method.methodKind === 'client_streaming';
    const isEndless = path === '/events.v1.EventService/Subscribe';
    const calls = badMessages(method.input, oracle).map(async ({ title, bytes, violations }) => {
      // What is refused ends by itself, though on a busy machine perhaps not so soon.
      const headers = isEndless && violations.length === 0 ? { 'grpc-timeout': '300m' } : {};
      const { status, details, message } = await rawCall(session, path, grpcFrame(bytes), headers);
      const fields = [...new Set(details.violations.map(({ field }) => field))].sort();
      if (violations.length > 0 && !isImport) {
        return expect({ status, fields }, title).toEqual({ status: 3, fields: [...new Set(violations)] });
      }
      if (isEndless && status === Status.DEADLINE_EXCEEDED) return;
      expect(definite, `${title}: ${message}`).toContain(status);
      if (status === Status.INVALID_ARGUMENT) expect(fields, title).not.toEqual([]);
    });
    expect(calls.length).toBeGreaterThan(0);
    await Promise.all(calls);
  });
});

describe('a request for an unknown id', () => {
  const id = 'nobody';
  const requestId = () => randomUUID();
  it.each<[string, () => Promise<unknown>]>([
    ['GetUser', () => shop.users.getUser({ id })],
    [
      'UpdateUser',
      () => shop.users.updateUser({ requestId: requestId(), user: { id, name: 'x' }, updateMask: ['name'] }),
    ],
    ['DeleteUser', () => shop.users.deleteUser({ requestId: requestId(), id })],
    ['GetItem', () => shop.inventory.getItem({ sku: id })],
    ['AdjustStock', () => shop.inventory.adjustStock({ requestId: requestId(), sku: id, delta: 1n })],
    ['CommitStock', () => shop.inventory.commitStock({ requestId: requestId(), orderId: id })],
    ['GetReservation', () => shop.inventory.getReservation({ orderId: id })],
    ['GetBalance', () => shop.accounts.getBalance({ accountId: id })],
    ['Deposit', () => shop.accounts.deposit({ requestId: requestId(), accountId: id, amount: euros(1n) })],
    ['Withdraw', () => shop.accounts.withdraw({ requestId: requestId(), accountId: id, amount: euros(1n) })],
    ['ListAccountEvents', () => Array.fromAsync(shop.accounts.listAccountEvents({ accountId: id }))],
    ['GetPayment', () => shop.payments.getPayment({ orderId: id })],
    ['GetShipment', () => shop.shipping.getShipment({ orderId: id })],
    ['GetOrder', () => shop.orders.getOrder({ id })],
    ['WatchOrder', () => Array.fromAsync(shop.orders.watchOrder({ id }))],
    ['CancelOrder', () => shop.orders.cancelOrder({ requestId: requestId(), id })],
    ['GetNotification', () => shop.notifications.getNotification({ id })],
    ['GetSaga', () => shop.sagas.getSaga({ name: { $case: 'orderId', value: id } })],
    ['RetrySaga', () => shop.sagas.retrySaga({ requestId: requestId(), id })],
    ['GetDeadLetter', () => shop.deadLetters.getDeadLetter({ id })],
  ])('gets NOT_FOUND from %s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: expect.stringMatching(/^[A-Z_]+$/) });
  });
});

describe('a mesh that receives a broken call', () => {
  const getUser = '/user.v1.UserService/GetUser';
  const ada = grpcFrame(Buffer.from('\n\x03ada'));

  it.each(methods)('refuses an undecodable message with INVALID_ARGUMENT at $path', async ({ path }) => {
    const { status } = await rawCall(session, path, grpcFrame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2])));
    expect(status).toBe(Status.INVALID_ARGUMENT);
  });

  it('returns no error that blames the server for random bytes', async () => {
    const calls = methods.flatMap(({ path }) => [1, 7, 64].map((length) => [path, randomBytes(length)] as const));
    for (const [path, bytes] of calls) {
      const isEndless = path.endsWith('/Subscribe');
      const headers = { 'grpc-timeout': isEndless ? '300m' : '10S' };
      const { status, message } = await rawCall(session, path, grpcFrame(bytes), headers);
      const wasEndless = isEndless && status === Status.DEADLINE_EXCEEDED;
      if (!wasEndless) expect(definite, `${path} ${bytes.toString('hex')}: ${message}`).toContain(status);
    }
  });

  it('refuses a message of 5 MiB with RESOURCE_EXHAUSTED', async () => {
    const { status } = await rawCall(session, getUser, grpcFrame(Buffer.alloc(5 * 1024 * 1024)));
    expect(status).toBe(Status.RESOURCE_EXHAUSTED);
  });

  it.each(['/user.v1.UserService/Nothing', '/nobody.v1.Service/Get', '/', '/user.v1.UserService'])(
    'refuses the path %s with UNIMPLEMENTED',
    async (path) => {
      const { status } = await rawCall(session, path, ada);
      expect(status).toBe(Status.UNIMPLEMENTED);
    },
  );

  it.each(['soon', '-1S', '1', '123456789S', '1.5S'])('refuses the invalid deadline %s', async (timeout) => {
    const { status, details } = await rawCall(session, getUser, ada, { 'grpc-timeout': timeout });
    expect({ status, reason: details.reason }).toEqual({
      status: Status.INVALID_ARGUMENT,
      reason: 'MALFORMED_TIMEOUT',
    });
  });

  it.each(['99999999H', '99999999S', '10S'])('accepts the deadline %s', async (timeout) => {
    const { status } = await rawCall(session, getUser, ada, { 'grpc-timeout': timeout });
    expect(status).toBe(Status.NOT_FOUND);
  });

  it('returns DEADLINE_EXCEEDED for an expired deadline', async () => {
    const { status } = await rawCall(session, getUser, ada, { 'grpc-timeout': '1n' });
    expect(status).toBe(Status.DEADLINE_EXCEEDED);
  });

  it('refuses a time out of range with INVALID_ARGUMENT', async () => {
    const { status, details } = await rawCall(
      session,
      getUser.replace('Get', 'Create'),
      grpcFrame(userOfTheFarFuture()),
    );
    expect(status).toBe(Status.INVALID_ARGUMENT);
    expect(details.violations.map(({ field }) => field)).toEqual(['user.create_time']);
  });

  it('returns a response small enough for clients to a thousand invalid fields', async () => {
    const ids = Array(1_000).fill('no id');
    await expect(shop.users.batchGetUsers({ ids })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: expect.arrayContaining([expect.objectContaining({ field: 'ids[0]' })]),
    });
  });

  it('places no order with invalid items', async () => {
    const items = Array(100).fill({ sku: '', quantity: -1 });
    await expect(shop.orders.placeOrder({ ...bookOrder(), items })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
    });
    expect(await Array.fromAsync(shop.orders.listOrders({}))).toEqual([]);
  });
});

/** A CreateUserRequest with a create_time of 2^63 - 1 seconds. */
function userOfTheFarFuture(): Uint8Array {
  const request = registry.getMessage('user.v1.CreateUserRequest');
  const user = registry.getMessage('user.v1.User');
  if (!request || !user) throw new Error('user.v1 is not among the descriptors');
  const createTime = { seconds: 2n ** 63n - 1n, nanos: 0 };
  const init = { name: 'Ada', email: 'ada@example.com', createTime };
  return toBinary(request, create(request, { user: create(user, init) }));
}

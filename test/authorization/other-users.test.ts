import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorAction } from '#gen/ops/v1/action.ts';
import { Order } from '#gen/order/v1/order.ts';
import { ImportUsersResponse, User } from '#gen/user/v1/user.ts';
import { readGrpcFrames } from '../../mesh/testing/grpc-frame.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { type AuthenticatedMesh, startAuthenticatedMesh } from './authenticated-mesh.ts';
import type { Who } from './expectations.ts';

const { OK, PERMISSION_DENIED, NOT_FOUND } = Status;

let shop: AuthenticatedMesh;
let orderId: string;
const amount = { currencyCode: 'EUR', minorUnits: '500' };
const shippingAddress = { recipient: 'A', lines: ['Main 1'], city: 'Town', postalCode: '1', countryCode: 'DE' };

beforeAll(async () => {
  shop = await startAuthenticatedMesh();
  const book = { sku: 'book', name: 'A book', unitPrice: amount, onHand: '10' };
  await ok('inventory.v1.InventoryService/CreateItem', { item: book }, 'operator');
  for (const [id, who] of [['ada', 'owner'] as const, ['bob', 'other'] as const]) {
    await ok('user.v1.UserService/CreateUser', { user: { id, name: id, email: `${id}@example.com` } }, who);
    await ok('payment.v1.AccountService/OpenAccount', { accountId: id, currencyCode: 'EUR' }, who);
  }
  // Nobody has money, so the order fails and is kept.
  const order = { userId: 'ada', items: [{ sku: 'book', quantity: 1 }], shippingAddress };
  const [placed] = await ok('order.v1.OrderService/PlaceOrder', order, 'owner');
  orderId = Order.decode(placed ?? new Uint8Array()).id;
  await ok('order.v1.OrderService/WatchOrder', { id: orderId }, 'owner');
}, 60_000);

afterAll(() => shop?.stop());

async function ok(name: string, request: Parameters<AuthenticatedMesh['call']>[1], who: Who): Promise<Uint8Array[]> {
  const answer = await shop.call(name, request, who);
  expect(`${name} ${answer.status} ${answer.message}`).toBe(`${name} ${OK} `);
  return readGrpcFrames(answer.body).map(({ bytes }) => bytes);
}

describe('what belongs to another user', () => {
  it.each([
    ['order.v1.OrderService/GetOrder', () => ({ id: orderId }), { id: randomUUID() }],
    ['order.v1.OrderService/WatchOrder', () => ({ id: orderId }), { id: randomUUID() }],
    ['order.v1.OrderService/CancelOrder', () => ({ id: orderId }), { id: randomUUID() }],
    ['payment.v1.PaymentService/GetPayment', () => ({ orderId }), { orderId: randomUUID() }],
    ['shipping.v1.ShippingService/GetShipment', () => ({ orderId }), { orderId: randomUUID() }],
    ['notification.v1.NotificationService/GetNotification', () => ({ id: orderId }), { id: randomUUID() }],
    ['user.v1.UserService/GetUser', () => ({ id: 'ada' }), { id: 'nobody' }],
    [
      'user.v1.UserService/UpdateUser',
      () => ({ user: { id: 'ada', name: 'Eve' } }),
      { user: { id: 'x', name: 'Eve' } },
    ],
    ['user.v1.UserService/DeleteUser', () => ({ id: 'ada' }), { id: 'nobody' }],
    ['payment.v1.AccountService/GetBalance', () => ({ accountId: 'ada' }), { accountId: 'nobody' }],
    ['payment.v1.AccountService/ListAccountEvents', () => ({ accountId: 'ada' }), { accountId: 'nobody' }],
    ['payment.v1.LedgerService/ListStatements', () => ({ accountId: 'ada' }), { accountId: 'nobody' }],
    ['report.v1.OrderReportService/ListUserOrders', () => ({ userId: 'ada' }), { userId: 'nobody' }],
  ] as const)('looks in %s as if it did not exist', async (name, others, missing) => {
    const answer = await shop.call(name, others(), 'other');
    expect(answer.status).toBe(PERMISSION_DENIED);
    expect(answer).toEqual(await shop.call(name, missing, 'other'));
    expect(answer.body).toHaveLength(0);
  });

  it.each([
    ['order.v1.OrderService/ListOrders', {}],
    ['order.v1.OrderService/ListOrders', { userId: '' }],
    ['notification.v1.NotificationService/ListNotifications', {}],
    ['notification.v1.NotificationService/ListNotifications', { userId: 'ada' }],
  ])('is not in %s without the filter for oneself: %j', async (name, request) => {
    expect((await shop.call(name, request, 'other')).status).toBe(PERMISSION_DENIED);
  });

  it('is not ordered for, nor charged, by naming the other user', async () => {
    const order = { userId: 'ada', items: [{ sku: 'book', quantity: 1 }], shippingAddress };
    expect((await shop.call('order.v1.OrderService/PlaceOrder', order, 'other')).status).toBe(PERMISSION_DENIED);
  });

  it('is not had by repeating the request of another user', async () => {
    const request = { requestId: randomUUID(), id: orderId };
    const first = await shop.call('order.v1.OrderService/CancelOrder', request, 'owner');
    expect((await shop.call('order.v1.OrderService/CancelOrder', request, 'other')).status).toBe(PERMISSION_DENIED);
    expect((await shop.call('order.v1.OrderService/CancelOrder', request, 'owner')).status).toBe(first.status);
    const update = { requestId: randomUUID(), user: { id: 'ada', name: 'Ada A' } };
    const etagFor = async (who: Who) => {
      const [user] = await ok('user.v1.UserService/UpdateUser', update, who);
      return User.decode(user ?? new Uint8Array()).etag;
    };
    const etag = await etagFor('owner');
    await ok('user.v1.UserService/UpdateUser', { user: { id: 'ada', name: 'Ada B' } }, 'owner');
    expect((await shop.call('user.v1.UserService/UpdateUser', update, 'other')).status).toBe(PERMISSION_DENIED);
    // One who may have all makes a change of its own with the same id, and the owner still gets the first response.
    expect(await etagFor('operator')).not.toBe(etag);
    expect(await etagFor('owner')).toBe(etag);
  });

  it('is NOT_FOUND for an operator if it does not exist', async () => {
    const answer = await shop.call('order.v1.OrderService/GetOrder', { id: randomUUID() }, 'operator');
    expect(answer.status).toBe(NOT_FOUND);
  });
});

describe('a role', () => {
  const give = (id: string, role: string, who: Who) =>
    shop.call('user.v1.UserService/UpdateUser', { user: { id, role }, updateMask: 'role' }, who);

  it('that has rights is given and taken by an admin alone', async () => {
    for (const who of ['owner', 'operator'] as const) {
      expect(await give('ada', 'operator', who)).toMatchObject({
        status: PERMISSION_DENIED,
        details: { reason: 'ROLE_NOT_PERMITTED' },
      });
    }
    expect((await give('ada', 'user', 'owner')).status).toBe(OK);
    expect((await give('ada', 'operator', 'admin')).status).toBe(OK);
    expect((await give('ada', '', 'operator')).status).toBe(PERMISSION_DENIED);
    const [ada] = await ok('user.v1.UserService/GetUser', { id: 'ada' }, 'owner');
    expect(User.decode(ada ?? new Uint8Array()).role).toBe('operator');
  });

  it('is not given by an import', async () => {
    const user = { name: 'Eve', email: 'eve@example.com', role: 'admin' };
    const [response] = await ok('user.v1.UserService/ImportUsers', { user }, 'operator');
    expect(ImportUsersResponse.decode(response ?? new Uint8Array())).toMatchObject({
      imported: 0n,
      failures: [{ reason: 'ROLE_NOT_PERMITTED' }],
    });
  });

  it('that has rights keeps operators from changing its user and from deleting it', async () => {
    const root = { id: 'root', name: 'Root', email: 'root@example.com', role: 'admin' };
    await ok('user.v1.UserService/CreateUser', { user: root }, 'admin');
    const update = { user: { id: 'root', email: 'evil@example.com' }, updateMask: 'email' };
    for (const [method, request] of [
      ['UpdateUser', update],
      ['DeleteUser', { id: 'root' }],
    ] as const) {
      const answer = await shop.call(`user.v1.UserService/${method}`, request, 'operator');
      expect(answer).toMatchObject({ status: PERMISSION_DENIED, details: { reason: 'USER_OF_ADMINS' } });
    }
    const [kept] = await ok('user.v1.UserService/GetUser', { id: 'root' }, 'admin');
    expect(User.decode(kept ?? new Uint8Array())).toMatchObject({ email: 'root@example.com', etag: '1' });
    await ok('user.v1.UserService/DeleteUser', { id: 'root' }, 'admin');
  });

  it('that has rights leaves the rest to its user', async () => {
    expect((await give('ada', 'operator', 'admin')).status).toBe(OK);
    await ok('user.v1.UserService/UpdateUser', { user: { id: 'ada', name: 'Ada L.' }, updateMask: 'name' }, 'owner');
    expect((await give('ada', '', 'admin')).status).toBe(OK);
  });

  it('is not given at sign-up', async () => {
    const user = { id: 'olga', name: 'Olga', email: 'olga@example.com', role: 'admin' };
    const answer = await shop.call('user.v1.UserService/CreateUser', { user }, 'operator');
    expect(answer).toMatchObject({ status: PERMISSION_DENIED, details: { reason: 'ROLE_NOT_PERMITTED' } });
  });
});

describe('what an operator changes', () => {
  const adjust = (reason: string) =>
    shop.call('inventory.v1.InventoryService/AdjustStock', { sku: 'book', delta: '1', reason }, 'operator');

  it('is listed with its reason', async () => {
    expect((await adjust('counted again')).status).toBe(OK);
    const listed = await ok('ops.v1.ActionService/ListOperatorActions', { subject: 'olga' }, 'operator');
    const actions = listed.map((bytes) => OperatorAction.decode(bytes));
    expect(actions.filter(({ method }) => method.endsWith('/AdjustStock'))).toEqual([
      expect.objectContaining({
        subject: 'olga',
        roles: ['operator'],
        service: 'inventory',
        reason: 'counted again',
        outcome: 'OK',
        request: expect.stringContaining('"sku":"book"'),
      }),
    ]);
    expect(actions.map(({ id }) => id)).toEqual(actions.map(({ id }) => id).toSorted());
  });

  it('is recorded as repeated if its request_id was answered before', async () => {
    const user = { requestId: randomUUID(), item: { sku: 'pen', name: 'Pen', unitPrice: amount, onHand: '1' } };
    for (const _ of [1, 2]) await ok('inventory.v1.InventoryService/CreateItem', user, 'admin');
    const listed = await ok('ops.v1.ActionService/ListOperatorActions', {}, 'operator');
    const actions = listed
      .map((bytes) => OperatorAction.decode(bytes))
      .filter(({ request }) => request.includes('pen'));
    expect(actions.map(({ outcome }) => outcome)).toEqual(['OK', 'REPEATED']);
  });

  it('is shown by the command actions', async () => {
    expect((await adjust('found one')).status).toBe(OK);
    const { authorization = '' } = await shop.headers('operator');
    const environment = { ADDRESS: shop.mesh.address, ORDERMESH_TOKEN: authorization.replace('Bearer ', '') };
    const args = ['actions', '--by', 'olga'];
    await using tool = spawnProcess({ main: 'scripts/ordermesh.ts', args, dataDir: 'none', environment });
    expect((await tool.ended).code, tool.stderr()).toBe(0);
    const shown = /^\S+Z +olga \(operator\) +inventory +AdjustStock +sku=book delta=1 +OK +found one$/m;
    expect(tool.stdout()).toMatch(shown);
  });
});

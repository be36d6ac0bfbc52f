import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Notification } from '#gen/notification/v1/notification.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '#mesh/testing';
import { readGrpcFrames } from '../../mesh/testing/grpc-frame.ts';
import { send } from '../edge/support/http.ts';
import { type AuthenticatedMesh, allMethods, nameOf, startAuthenticatedMesh, users } from './authenticated-mesh.ts';
import { everyone, mayCall, type Who } from './expectations.ts';
import { restRequests } from './rest-request.ts';
import { type SampleIds, sampleRequests } from './samples.ts';

const { OK, UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED } = Status;
/** What handlers answer to the samples, some of which are repeated by all who may. */
const answered: ReadonlySet<number> = new Set([OK, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED]);
const names = allMethods.map(nameOf);

let shop: AuthenticatedMesh;
let ids: SampleIds;
let samples: ReturnType<typeof sampleRequests>;

beforeAll(async () => {
  shop = await startAuthenticatedMesh();
  ids = await placeOrder(shop);
  samples = sampleRequests(ids);
}, 60_000);

afterAll(() => shop?.stop());

it('has a row for each method of the contracts, and no other', () => {
  expect(Object.keys(mayCall).toSorted()).toEqual(names.toSorted());
});

describe('over gRPC', () => {
  it.each(names)('%s is for whom it should be', async (name) => {
    const statuses = await Promise.all(everyone.map(async (who) => [who, await statusOf(name, who)] as const));
    const decided = Object.fromEntries(statuses.map(([who, status]) => [who, decisionOf(status)]));
    expect(decided).toEqual(Object.fromEntries(everyone.map((who) => [who, expectedOf(name, who)])));
  });
});

describe('over REST', () => {
  const callers: readonly Who[] = everyone.filter((who) => who === 'anonymous' || users[who] !== undefined);
  const routed = allMethods.filter((method) => restRequests(method, {}).length > 0);

  it.each(routed.map(nameOf))('%s is for whom it should be', async (name) => {
    const method = routed.find((each) => nameOf(each) === name);
    if (method === undefined) throw new Error(`${name} has no route`);
    for (const who of callers) {
      for (const { verb, path, body, headers } of restRequests(method, samples[name] ?? {})) {
        const sent = { headers: { ...headers, ...(await shop.headers(who)) }, ...(body !== undefined && { body }) };
        const { status } = await send(shop.mesh.httpAddress ?? '', verb, path, sent);
        const decision = status === 401 ? 'unauthenticated' : status === 403 ? 'denied' : 'allowed';
        expect(`${who} ${verb} ${path}: ${decision}`).toBe(`${who} ${verb} ${path}: ${expectedOf(name, who)}`);
      }
    }
  });
});

async function statusOf(name: string, who: Who): Promise<number> {
  const request = samples[name] ?? {};
  if (who === 'anonymous' || users[who] !== undefined) return (await shop.call(name, request, who)).status;
  return await shop.callAs(who, name, request);
}

function decisionOf(status: number): string {
  if (status === UNAUTHENTICATED) return 'unauthenticated';
  if (status === PERMISSION_DENIED) return 'denied';
  return answered.has(status) ? 'allowed' : `failed with ${Status[status]}`;
}

function expectedOf(name: string, who: Who): string {
  if (mayCall[name]?.includes(who)) return 'allowed';
  return who === 'anonymous' ? 'unauthenticated' : 'denied';
}

/** Creates a book, and ada with money, an order that completes, and a notification. */
async function placeOrder({ call }: AuthenticatedMesh): Promise<SampleIds> {
  const amount = { currencyCode: 'EUR', minorUnits: '500' };
  const done = async (name: string, request: Parameters<typeof call>[1], who: Who) => {
    const answer = await call(name, request, who);
    expect(`${name} ${answer.status} ${answer.message}`).toBe(`${name} ${OK} `);
    return readGrpcFrames(answer.body).map(({ bytes }) => bytes);
  };
  const book = { sku: 'book', name: 'A book', unitPrice: amount, onHand: '10' };
  await done('inventory.v1.InventoryService/CreateItem', { item: book }, 'operator');
  const ada = { id: 'ada', name: 'Ada', email: 'ada@example.com' };
  await done('user.v1.UserService/CreateUser', { user: ada }, 'owner');
  await done('payment.v1.AccountService/OpenAccount', { accountId: 'ada', currencyCode: 'EUR' }, 'owner');
  await done('payment.v1.AccountService/Deposit', { accountId: 'ada', amount }, 'operator');
  const shippingAddress = { recipient: 'Ada', lines: ['Main 1'], city: 'Town', postalCode: '1', countryCode: 'DE' };
  const order = { userId: 'ada', items: [{ sku: 'book', quantity: 1 }], shippingAddress };
  const [placed] = await done('order.v1.OrderService/PlaceOrder', order, 'owner');
  const { id } = Order.decode(placed ?? new Uint8Array());
  const states = await done('order.v1.OrderService/WatchOrder', { id }, 'owner');
  const { state } = Order.decode(states.at(-1) ?? new Uint8Array());
  expect(state).toBe(OrderState.ORDER_STATE_COMPLETED);
  const notificationId = await eventually(async () => {
    const [first] = await done('notification.v1.NotificationService/ListNotifications', { userId: 'ada' }, 'owner');
    if (first === undefined) throw new Error('ada has no notification yet');
    return Notification.decode(first).id;
  });
  return { orderId: id, notificationId };
}

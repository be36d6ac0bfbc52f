import type { JsonObject } from '@bufbuild/protobuf';
import { Status } from 'nice-grpc-common';
import { expect } from 'vitest';
import { Notification } from '#gen/notification/v1/notification.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '#mesh/testing';
import type { RawAnswer } from '../../mesh/server/testing/raw-call.ts';
import { readGrpcFrames } from '../../mesh/testing/grpc-frame.ts';
import { allMethods } from './authenticated-mesh.ts';
import { mayCall, type Who } from './expectations.ts';
import { restRequests } from './rest-request.ts';
import type { SampleIds } from './samples.ts';

const { OK, UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED } = Status;
/** What handlers answer to the samples, some of which are repeated by all who may. */
const answered: ReadonlySet<number> = new Set([OK, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED]);

/** The methods that HTTP requests without a body of gRPC or Connect reach. */
export const routedMethods = allMethods.filter((method) => restRequests(method, {}).length > 0);

/**
 * What the status of a call, as a number of gRPC, says about access: `allowed`, `denied`, `unauthenticated` or a fault.
 */
export function decisionOf(status: number): string {
  if (status === UNAUTHENTICATED) return 'unauthenticated';
  if (status === PERMISSION_DENIED) return 'denied';
  return answered.has(status) ? 'allowed' : `failed with ${Status[status]}`;
}

/**
 * The same of an answer over HTTP: its status, and its body, which is a problem with a code of gRPC unless
 * it is a success.
 */
export function restDecisionOf(status: number, body: string): string {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'denied';
  if (status < 400) return 'allowed';
  const { code } = JSON.parse(body) as { readonly code: keyof typeof Status };
  return decisionOf(Status[code]);
}

/** What the table says. */
export function expectedOf(name: string, who: Who): string {
  if (mayCall[name]?.includes(who)) return 'allowed';
  return who === 'anonymous' ? 'unauthenticated' : 'denied';
}

/** Creates a book, and ada with money, an order that completes, and a notification. */
export async function placeOrder(
  call: (name: string, request: JsonObject, who: Who) => Promise<RawAnswer>,
): Promise<SampleIds> {
  const amount = { currencyCode: 'EUR', minorUnits: '500' };
  const done = async (name: string, request: JsonObject, who: Who) => {
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

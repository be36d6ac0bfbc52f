import { randomUUID } from 'node:crypto';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { OrderState, PlaceOrderRequest } from '#gen/order/v1/order.ts';
import type { Runtime } from '../../mesh/app/service/service.ts';
import { bookOrder, euros, type Shop, shopOf, watchToEnd } from '../support/shop.ts';
import type { Expectation, OrderEnd } from './expectation.ts';
import { type AnsweredCall, callsOf } from './first-answers.ts';
import { lampOrder, type Writing } from './good-days.ts';
import { type Notes, observe } from './observe.ts';
import type { Json } from './read-mesh.ts';
import { type Operation, type Trouble, type Troubles, until } from './troubles.ts';

/**
 * Writes the data of a bad day: orders at every step, forward and backward, dead letters of each kind, waiting mails, and
 * waiting events and tasks in the outboxes. Reports the expectation, then places the last orders and returns: the process must
 * be killed immediately.
 */
export async function writeBadDay(
  { runtime, troubles, storages }: Writing,
  report: (expectation: Expectation) => void,
): Promise<void> {
  const shop = shopOf(runtime);
  const notes: Notes = { ends: {}, redrivenEnds: {}, calls: [] };
  for (const { id, state } of await Array.fromAsync(shop.orders.listOrders({})))
    notes.ends[id] = { end: endOf(state), about: 'ended on the good days' };
  await answerCalls(shop, notes);
  await writeRunningSagas(shop, troubles, notes);
  await writeCancelledSagas(shop, troubles, notes);
  await writeParkedSagas(shop, troubles, notes);
  await writeParkedProjection(shop, troubles, notes);
  await writeDeadLetters(runtime);
  await writeOutboxes(shop, troubles, notes);
  const expectation = await observe({ runtime, storages }, notes);
  report(expectation);
  const last = [bookOrder(), bookOrder({ userId: 'tom' }), bookOrder({ countryCode: 'AQ' })];
  const ends = ['COMPLETED', 'FAILED', 'FAILED'] as const;
  await Promise.all(
    last.map(async (request, index) => {
      const { id } = await shop.orders.placeOrder(request);
      notes.ends[id] = { end: ends[index] ?? 'FAILED', about: 'accepted when the process was killed' };
      report(expectation);
    }),
  );
}

function endOf(state: OrderState): OrderEnd {
  if (state === OrderState.ORDER_STATE_COMPLETED) return 'COMPLETED';
  return state === OrderState.ORDER_STATE_CANCELLED ? 'CANCELLED' : 'FAILED';
}

/** Makes one call of each idempotent method and records the response. */
async function answerCalls(shop: Shop, { calls, ends }: Notes): Promise<void> {
  const known = callsOf(shop);
  const answer = async (method: AnsweredCall['method'], request: object) => {
    const whole: Json = { requestId: randomUUID(), ...request };
    const answered = { method, request: whole, answer: await known[method](whole) };
    calls.push(answered);
    return answered;
  };
  await answer('createUser', { user: { id: 'ann', name: 'Ann', email: 'ann@example.com' } });
  await answer('updateUser', { user: { id: 'ann', name: 'Anne' }, updateMask: 'name' });
  await answer('createItem', {
    item: { sku: 'cup', name: 'A cup', unitPrice: { currencyCode: 'EUR', minorUnits: '250' }, onHand: '9' },
  });
  await answer('adjustStock', { sku: 'cup', delta: '-2', reason: 'broken' });
  await answer('openAccount', { accountId: 'ann', currencyCode: 'EUR' });
  await answer('deposit', { accountId: 'ann', amount: { currencyCode: 'EUR', minorUnits: '900' } });
  await answer('withdraw', { accountId: 'ann', amount: { currencyCode: 'EUR', minorUnits: '100' } });
  const order = PlaceOrderRequest.toJSON(bookOrder({ quantity: 1 })) as Json;
  const { answer: placed } = await answer('placeOrder', order);
  ends[String(placed.id)] = { end: 'COMPLETED', about: 'ended on the bad day' };
  await watchToEnd(shop.orders, String(placed.id));
}

/** Places an order that meets a trouble, and waits for that. Returns its id. */
async function placeInto(
  shop: Shop,
  troubles: Troubles,
  operation: Operation,
  trouble: Trouble,
  order: Parameters<typeof bookOrder>[0] = {},
): Promise<string> {
  const met = troubles.forNextOrder(operation, trouble);
  await shop.orders.placeOrder(bookOrder({ quantity: 1, ...order }));
  return await met;
}

async function writeRunningSagas(shop: Shop, troubles: Troubles, { ends }: Notes): Promise<void> {
  const steps = [
    ['reserveStock', 'COMPLETED', {}],
    ['charge', 'COMPLETED', {}],
    ['createShipment', 'COMPLETED', {}],
    ['commitStock', 'COMPLETED', {}],
    ['refund', 'FAILED', { countryCode: 'AQ' }],
    ['releaseStock', 'FAILED', { userId: 'tom' }],
  ] as const;
  for (const [operation, end, order] of steps) {
    for (const trouble of ['hangs before', 'hangs after', 'is unavailable'] as const) {
      const id = await placeInto(shop, troubles, operation, trouble, order);
      ends[id] = { end, about: `${operation} ${trouble}` };
    }
  }
}

async function writeCancelledSagas(shop: Shop, troubles: Troubles, { ends, calls }: Notes): Promise<void> {
  for (const trouble of ['hangs before', 'hangs after', 'is unavailable'] as const) {
    const id = await placeInto(shop, troubles, 'createShipment', 'hangs after');
    await shop.orders.cancelOrder({ id, reason: 'too slow' });
    await troubles.change(id, 'cancelShipment', trouble);
    ends[id] = { end: 'CANCELLED', about: `cancelShipment ${trouble}` };
  }
  const id = await placeInto(shop, troubles, 'charge', 'hangs before');
  const request = { requestId: randomUUID(), id, reason: 'too dear' };
  calls.push({ method: 'cancelOrder', request, answer: await callsOf(shop).cancelOrder(request) });
  ends[id] = { end: 'CANCELLED', about: 'cancelled while charge hangs before' };
}

async function writeParkedSagas(shop: Shop, troubles: Troubles, { ends, redrivenEnds }: Notes): Promise<void> {
  const parked = (id: string) =>
    until(`order ${id} needs attention`, async () => {
      const { state } = await shop.orders.getOrder({ id });
      return state === OrderState.ORDER_STATE_NEEDS_ATTENTION;
    });
  const refunded = await placeInto(shop, troubles, 'refund', 'is refused', { countryCode: 'AQ' });
  await parked(refunded);
  ends[refunded] = { end: 'NEEDS_ATTENTION', about: 'refund is refused' };
  redrivenEnds[refunded] = 'FAILED';

  const cancelled = await placeInto(shop, troubles, 'createShipment', 'hangs after');
  await shop.orders.cancelOrder({ id: cancelled, reason: 'never mind' });
  await troubles.change(cancelled, 'cancelShipment', 'is refused');
  await parked(cancelled);
  const saga = await shop.sagas.getSaga({ name: { $case: 'orderId', value: cancelled } });
  await shop.sagas.retrySaga({ id: saga.id, note: 'the carrier says that it works now' });
  await until('the parked saga is refused again', async () => {
    const { steps } = await shop.sagas.getSaga({ name: { $case: 'id', value: saga.id } });
    return steps.some(({ undoAttempts }) => undoAttempts === 2);
  });
  await parked(cancelled);
  ends[cancelled] = { end: 'NEEDS_ATTENTION', about: 'cancelShipment is refused, and again after RetrySaga' };
  redrivenEnds[cancelled] = 'CANCELLED';
}

/** Places an order whose events the projection cannot apply, and whose mails are refused permanently. */
async function writeParkedProjection(shop: Shop, troubles: Troubles, { ends }: Notes): Promise<void> {
  troubles.unreportedUsers.add('eve');
  const { id } = await shop.orders.placeOrder(lampOrder());
  await watchToEnd(shop.orders, id);
  ends[id] = { end: 'COMPLETED', about: 'its events are parked by a projection, its mails are dead' };
  await until('the events of the order are parked', async () => {
    const listed = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
    return listed.filter(({ origin }) => origin.includes('orders-by-user')).length === 5;
  });
  await until('the mails of the order are dead', async () => {
    const mails = await Array.fromAsync(shop.notifications.listNotifications({ orderId: id }));
    return mails.length === 2 && mails.every(({ state }) => state === NotificationState.NOTIFICATION_STATE_DEAD);
  });
}

/** Writes foreign events and a task that cannot be processed, and a foreign topic. */
async function writeDeadLetters(runtime: Runtime): Promise<void> {
  const { deadLetters } = shopOf(runtime);
  const events = runtime.client(EventServiceContract);
  const payload = Uint8Array.of(0xff, 0x00, 0x7b);
  const poison = { topic: 'order.events', type: 'ORDER_PLACED', headers: { shop: 'nörd' } };
  await events.publish({ ...poison, key: 'poison-1', value: { $case: 'payload', value: payload } });
  const news = JSON.stringify({ orderId: 'poison-2', userId: 'nobody-yet' });
  await events.publish({ ...poison, key: 'poison-2', value: { $case: 'json', value: news } });
  await runtime.tasks.enqueue('email-jobs', [{ id: 'foreign-task', payload, headers: { from: 'elsewhere' } }]);
  await runtime.events.ensureTopic('shop.news', { partitions: 3 });
  for (const key of ['a', 'b', 'ü', 'a'])
    await events.publish({
      topic: 'shop.news',
      key,
      type: 'NEWS',
      value: { $case: 'payload', value: payload },
      headers: {},
    });
  await until('five dead letters of others', async () => {
    const listed = await Array.fromAsync(deadLetters.listDeadLetters({}));
    return listed.filter(({ subjectId }) => /^(poison-|foreign-task$)/.test(subjectId)).length === 5;
  });
}

/** Writes events and tasks that wait in the outboxes, some after one that the log refuses. */
async function writeOutboxes(shop: Shop, troubles: Troubles, { ends }: Notes): Promise<void> {
  troubles.refusedKeys.add('pen');
  await shop.inventory.adjustStock({ sku: 'pen', delta: 5n, reason: 'its event is too large' });
  troubles.closedQueues.add('email-jobs');
  const { id } = await shop.orders.placeOrder(bookOrder({ quantity: 1 }));
  await watchToEnd(shop.orders, id);
  ends[id] = { end: 'COMPLETED', about: 'its mails wait in the outbox' };
  await until('its mails are queued', async () => {
    return (await Array.fromAsync(shop.notifications.listNotifications({ orderId: id }))).length === 2;
  });
  for (const topic of ['user.events', 'order.events', 'payment.events']) troubles.closedTopics.add(topic);
  await shop.users.createUser({ user: { id: 'bob', name: 'Bob', email: 'bob@example.com' } });
  await shop.accounts.deposit({ accountId: 'eve', amount: euros(77n) });
}

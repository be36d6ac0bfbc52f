import { randomUUID } from 'node:crypto';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import type { PlaceOrderRequest } from '#gen/order/v1/order.ts';
import type { Runtime } from '../../mesh/app/service/service.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { bookOrder, euros, fillShop, shopOf, stocked, watchToEnd } from '../support/shop.ts';
import { type Troubles, until } from './troubles.ts';

/** A mesh to write data to. */
export interface Writing {
  readonly runtime: Runtime;
  readonly troubles: Troubles;
  /** The databases of its services, by name. */
  readonly storages: ReadonlyMap<string, Storage>;
}

/** An order of a lamp by Eve. */
export function lampOrder(): PlaceOrderRequest {
  return { ...bookOrder({ userId: 'eve' }), items: [{ sku: 'lamp', quantity: 1, unitPrice: undefined }] };
}

/**
 * Writes what a mesh has after some days on which all went well: users, stock and money, orders that ended in each way,
 * their mails, dead letters that were dealt with, a projection that was rebuilt. Nothing is under way at the end.
 */
export async function writeGoodDays({ runtime, troubles }: Writing): Promise<void> {
  const shop = shopOf(runtime);
  await fillShop(shop);
  await writeUsers(shop);
  await shop.inventory.createItem({ item: { sku: 'lamp', name: 'Lämp 💡', unitPrice: euros(1_999n), onHand: 40n } });
  await shop.inventory.createItem({ item: { sku: 'pen', name: 'A pen', unitPrice: euros(1n), onHand: 0n } });
  await shop.inventory.adjustStock({ sku: 'pen', delta: 7n, reason: 'found behind the shelf' });
  await writeMoney(shop);
  const end = async (request: PlaceOrderRequest) => {
    const { id } = await shop.orders.placeOrder(request);
    await watchToEnd(shop.orders, id);
  };
  for (const request of [bookOrder(), bookOrder({ quantity: 1 }), lampOrder()]) await end(request);
  await end(bookOrder({ quantity: Number(stocked.onHand) + 1 }));
  await end(bookOrder({ userId: 'tom' }));
  await end(bookOrder({ countryCode: 'AQ' }));
  await writeCancelledOrder(shop, troubles);
  await writeClosedDeadLetters(runtime);
  await until('all mail is sent', async () => {
    const notifications = await Array.fromAsync(shop.notifications.listNotifications({}));
    // Two of each order; one of the event that was redriven.
    return (
      notifications.length === 15 &&
      notifications.every(({ state }) => state === NotificationState.NOTIFICATION_STATE_SENT)
    );
  });
  const rebuild = runtime.client(ProjectionServiceContract).rebuildProjection({ name: 'report/best-sellers' });
  await Array.fromAsync(rebuild);
}

type Shop = ReturnType<typeof shopOf>;

async function writeUsers({ users }: Shop): Promise<void> {
  const rows = ['eve', 'kim', 'max', 'zoe'].map((id) => ({
    user: { id, name: `${id} 'Õ"`, email: `${id}@example.com` },
  }));
  await users.importUsers(
    (async function* () {
      yield* rows;
    })(),
  );
  await users.updateUser({ user: { id: 'kim', name: 'Kim', role: 'admin' }, updateMask: ['name', 'role'] });
  await users.deleteUser({ id: 'max' });
}

/** Writes enough movements for a snapshot and events after it. */
async function writeMoney({ accounts }: Shop): Promise<void> {
  for (const accountId of ['eve', 'kim']) await accounts.openAccount({ accountId, currencyCode: 'EUR' });
  await accounts.openAccount({ accountId: 'zoe', currencyCode: 'JPY' });
  await accounts.deposit({ accountId: 'eve', amount: euros(50_000n), reference: 'salary' });
  for (let count = 0; count < 52; count += 1) {
    await accounts.deposit({ accountId: 'kim', amount: euros(10n) });
    await accounts.withdraw({ accountId: 'kim', amount: euros(3n) });
  }
}

async function writeCancelledOrder(shop: Shop, troubles: Troubles): Promise<void> {
  const met = troubles.forNextOrder('createShipment', 'hangs before');
  const { id } = await shop.orders.placeOrder(bookOrder());
  await met;
  await shop.orders.cancelOrder({ id, reason: 'changed my mind' });
  troubles.end(id);
  await watchToEnd(shop.orders, id);
}

/** Discards one dead letter and redrives another. */
async function writeClosedDeadLetters(runtime: Runtime): Promise<void> {
  const { deadLetters, users } = shopOf(runtime);
  const events = runtime.client(EventServiceContract);
  const publish = (key: string, news: object) =>
    events.publish({
      topic: 'order.events',
      key,
      type: 'ORDER_PLACED',
      value: { $case: 'json', value: JSON.stringify(news) },
    });
  await publish('foreign-1', {});
  await publish('foreign-2', { orderId: 'foreign-2', userId: 'late' });
  const lettersOf = async (key: string) => {
    const listed = (await Array.fromAsync(deadLetters.listDeadLetters({}))).filter(
      ({ subjectId }) => subjectId === key,
    );
    return listed.length === 2 ? listed : [];
  };
  await until(
    'four dead letters',
    async () => (await lettersOf('foreign-1')).length + (await lettersOf('foreign-2')).length === 4,
  );
  const note = 'a test of its producer';
  await deadLetters.discardDeadLetters({ ids: (await lettersOf('foreign-1')).map(({ id }) => id), note });
  await users.createUser({ requestId: randomUUID(), user: { id: 'late', name: 'Late', email: 'late@example.com' } });
  await deadLetters.redriveDeadLetters({ ids: (await lettersOf('foreign-2')).map(({ id }) => id) });
}

import { uuidv7 } from '../../mesh/ids/ids.ts';
import { newRecord } from '../../mesh/saga/decide/record.ts';
import { insertSaga, type StoredSaga } from '../../mesh/saga/store/saga-table.ts';
import type { Storage, Transaction } from '../../mesh/storage/storage.ts';
import { newItem } from '../../services/inventory/domain/item.ts';
import { newReservation } from '../../services/inventory/domain/reservation.ts';
import { insertItem } from '../../services/inventory/store/item-store.ts';
import { insertReservation, insertReservationItems } from '../../services/inventory/store/reservation-store.ts';
import { newOrder, type Order } from '../../services/order/order.ts';
import { placedOrder } from '../../services/order/place-order.saga.ts';
import { insertOrder } from '../../services/order/store.ts';
import { pendingShipment, type Shipment } from '../../services/shipping/shipment.ts';
import { insertShipment } from '../../services/shipping/store.ts';

/** The databases of a stopped mesh that orders are written into, next to that of the payment service. */
export interface OrderDatabases {
  readonly order: Storage;
  readonly inventory: Storage;
  readonly shipping: Storage;
}

const items = 100;
const unitPrice = { currencyCode: 'EUR', minorUnits: 100n };
const steps = ['reserve-stock', 'charge', 'create-shipment', 'commit-stock'].map((name) => ({ name }));
const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode: 'DE' };

/** Returns an order of two items that was completed at this time. One of the items is in every order. */
export function completedOrder(index: number, userId: string, timeMs: number): Order {
  const lines = [
    { sku: skuOf(0), quantity: 1, unitPrice },
    { sku: skuOf(1 + (index % (items - 1))), quantity: 2, unitPrice },
  ];
  const order = newOrder({ id: uuidv7(timeMs), userId, lines, shippingAddress: address, timeMs });
  return { ...order, state: 'COMPLETED', version: 5n, paymentId: uuidv7(timeMs), shipmentId: uuidv7(timeMs) };
}

/** Writes the items of the orders. Their stock is what the orders left. */
export async function addOrderedItems({ inventory }: Pick<OrderDatabases, 'inventory'>): Promise<void> {
  await inventory.transaction(async (tx) => {
    for (let index = 0; index < items; index += 1) {
      const sku = skuOf(index);
      await insertItem(tx, newItem({ sku, name: `Item ${index}`, unitPrice, onHand: 1_000n }, Date.now()));
    }
  });
}

/** Writes completed orders with their sagas, reservations and shipments. */
export async function addCompletedOrders(databases: OrderDatabases, orders: readonly Order[]): Promise<void> {
  await addEach(databases.order, orders, async (tx, order) => {
    insertOrder(tx, order);
    insertSaga(tx, finishedSaga(order), { leaseOwner: null, dueTimeMs: undefined });
  });
  await addEach(databases.inventory, orders, async (tx, { id: orderId, lines, createTimeMs }) => {
    const reserved = lines.map(({ sku, quantity }) => ({ sku, quantity: BigInt(quantity) }));
    const reservation = newReservation({ orderId, items: reserved, owner: '' }, 'COMMITTED', createTimeMs);
    await insertReservation(tx, { ...reservation, version: 2n });
    insertReservationItems(tx, reservation);
  });
  await addEach(databases.shipping, orders, (tx, order) => insertShipment(tx, bookedShipment(order)));
}

/** Begins the time after which finished sagas are removed. */
export async function finishSagas({ order }: Pick<OrderDatabases, 'order'>): Promise<void> {
  await order.execute('UPDATE saga SET finished_aged_ms = $1', [Date.now()]);
}

async function addEach(
  storage: Storage,
  orders: readonly Order[],
  add: (tx: Transaction, order: Order) => Promise<unknown>,
): Promise<void> {
  const addAll = async (tx: Transaction) => {
    for (const order of orders) await add(tx, order);
  };
  await storage.transaction(addAll, { flush: false });
}

function bookedShipment(order: Order): Shipment {
  const { id: orderId, userId, paymentId, shipmentId, shippingAddress, createTimeMs } = order;
  const pending = pendingShipment(shipmentId, { orderId, userId, paymentId, address: shippingAddress }, createTimeMs);
  const trackingNumber = `SIM-${orderId.replaceAll('-', '').toUpperCase()}`;
  return { ...pending, state: 'BOOKED', carrier: 'simulated', trackingNumber, version: 1n };
}

function finishedSaga(order: Order): StoredSaga {
  const { id, paymentId, shipmentId, createTimeMs } = order;
  const times = { startTimeMs: createTimeMs, endTimeMs: createTimeMs, attempts: 1 };
  const record = newRecord({ steps }, createTimeMs);
  return {
    id,
    name: 'place-order',
    definitionVersion: 1,
    subjectId: id,
    record: {
      ...record,
      state: 'completed',
      steps: record.steps.map((step) => ({ ...step, ...times, state: 'done' })),
    },
    data: { ...placedOrder(order), paymentId, shipmentId },
    notes: [],
    requestId: id,
    traceparent: '',
    onBehalfOf: undefined,
    revision: 9n,
    driverRevision: 9n,
    fencingToken: 1n,
    leaseOwner: null,
    createTimeMs,
    updateTimeMs: createTimeMs,
  };
}

function skuOf(index: number): string {
  return `past-item-${index}`;
}

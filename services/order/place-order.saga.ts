import type { Client } from 'nice-grpc';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import type { PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import type { ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import {
  type Address,
  type Clock,
  type Money,
  type Outbox,
  type SagaDefinition,
  type SagaProgress,
  type StepContext,
  saga,
  type Transaction,
} from '#mesh';
import { orderEvent } from './events.ts';
import type { Order, OrderState } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import type { OrderWriter } from './order-writer.ts';
import type { OrderChange } from './store.ts';

/** What the saga of an order begins with. It is stored, so new fields have to be optional. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly userId: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly total: Money;
  readonly shippingAddress: Address;
}

export interface PlaceOrderSagaDeps {
  readonly inventory: Client<InventoryServiceDefinition>;
  readonly payments: Client<PaymentServiceDefinition>;
  readonly shipping: Client<ShippingServiceDefinition>;
  readonly writer: OrderWriter;
  readonly outbox: Outbox;
  readonly changes: OrderChanges;
  readonly clock: Clock;
}

/**
 * Completes an order: reserve stock, charge, create the shipment, commit the stock. Its id is the order's. The versions differ
 * only in the request ids of their steps.
 */
export function definePlaceOrderSaga(deps: PlaceOrderSagaDeps, version: 1 | 2): SagaDefinition<PlacedOrder> {
  const { inventory, payments, shipping, clock } = deps;
  return saga<PlacedOrder>('place-order', version, version === 1 ? {} : { requestIds: 'by-time' })
    .step('reserve-stock', {
      run: (order, step) => inventory.reserveStock({ ...ids(order, step), items: itemsOf(order) }, step),
      undo: (order, step) => inventory.releaseStock(ids(order, step), step),
      reaches: 'RESERVED',
    })
    .step('charge', {
      run: (order, step) => payments.charge({ ...ids(order, step), userId: order.userId, amount: order.total }, step),
      keep: (payment) => ({ paymentId: payment.id }),
      undo: (order, step) => payments.refund(ids(order, step), step),
      reaches: 'PAID',
    })
    .step('create-shipment', {
      run: (order, step) => {
        const address = { ...order.shippingAddress, lines: [...order.shippingAddress.lines] };
        const { paymentId, userId } = order;
        return shipping.createShipment({ ...ids(order, step), paymentId, userId, address }, step);
      },
      keep: (shipment) => ({ shipmentId: shipment.id }),
      undo: (order, step) => shipping.cancelShipment(ids(order, step), step),
      reaches: 'SHIPPED',
    })
    .pivot('commit-stock', { run: (order, step) => inventory.commitStock(ids(order, step), step) })
    .onProgress(async (tx, progress) => {
      const state = stateAfter(progress);
      if (!state) return;
      const { orderId, paymentId, shipmentId } = progress.data;
      const failure = 'failure' in progress ? progress.failure : undefined;
      await recordChange(tx, orderId, { state, failure, paymentId, shipmentId, timeMs: clock.now() }, deps);
    });
}

/** What the saga of an order begins with. */
export function placedOrder(order: Order): PlacedOrder {
  const { id: orderId, userId, lines, total, shippingAddress } = order;
  return { orderId, userId, items: lines.map(({ sku, quantity }) => ({ sku, quantity })), total, shippingAddress };
}

function ids({ orderId }: PlacedOrder, { requestId }: StepContext) {
  return { requestId, orderId };
}

function itemsOf({ items }: PlacedOrder) {
  return items.map(({ sku, quantity }) => ({ sku, quantity: BigInt(quantity) }));
}

/** The state that the order is in after `progress`; undefined if it stays as it is. */
function stateAfter(progress: SagaProgress<PlacedOrder, OrderState>): OrderState | undefined {
  switch (progress.at) {
    case 'step-done':
      return progress.reached;
    case 'completed':
      return 'COMPLETED';
    case 'compensating':
      return 'COMPENSATING';
    case 'compensated':
      return progress.failure.cancelled ? 'CANCELLED' : 'FAILED';
    case 'needs-attention':
      return 'NEEDS_ATTENTION';
  }
}

/** Writes a change of an order with its event, and notifies those who watch it. */
async function recordChange(
  tx: Transaction,
  orderId: string,
  change: OrderChange,
  { writer, outbox, changes }: Pick<PlaceOrderSagaDeps, 'writer' | 'outbox' | 'changes'>,
): Promise<void> {
  const order = await writer.update(tx, orderId, change);
  await outbox.addEvent(tx, orderEvent(order));
  tx.afterCommit(() => changes.publish(order));
}

import type { Client } from 'nice-grpc';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import type { PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import type { ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import type { Address, Clock, Money, SagaDefinition, SagaFailure, SagaProgress, StepContext } from '#mesh';
import type { Order, OrderState } from './order.ts';
import type { RecordChange } from './record-change.ts';
import type { OrderChange } from './store.ts';

/** What the steps need, and what they find out. */
export interface PlaceOrderData {
  readonly orderId: string;
  readonly userId: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly total: Money;
  readonly shippingAddress: Address;
  readonly paymentId: string;
  readonly shipmentId: string;
}

/** Whom the steps call, and how the order learns of them. */
export interface PlaceOrderSagaDeps {
  readonly inventory: Client<InventoryServiceDefinition>;
  readonly payments: Client<PaymentServiceDefinition>;
  readonly shipping: Client<ShippingServiceDefinition>;
  readonly recordChange: RecordChange;
  readonly clock: Clock;
}

/** Sees an order through: reserve stock, charge, create the shipment, commit the stock. */
export function definePlaceOrderSaga(deps: PlaceOrderSagaDeps): SagaDefinition<PlaceOrderData> {
  const { inventory, payments, shipping } = deps;
  return {
    name: 'place-order',
    version: 1,
    steps: [
      {
        name: 'reserve-stock',
        run: async (data, step) => {
          const items = data.items.map((item) => ({ sku: item.sku, quantity: BigInt(item.quantity) }));
          await inventory.reserveStock({ ...ids(data, step), items }, step);
          return undefined;
        },
        undo: async (data, step) => void (await inventory.releaseStock(ids(data, step), step)),
      },
      {
        name: 'charge',
        run: async (data, step) => {
          const payment = await payments.charge({ ...ids(data, step), userId: data.userId, amount: data.total }, step);
          return { paymentId: payment.id };
        },
        undo: async (data, step) => void (await payments.refund(ids(data, step), step)),
      },
      {
        name: 'create-shipment',
        run: async (data, step) => {
          const address = { ...data.shippingAddress, lines: [...data.shippingAddress.lines] };
          const shipment = await shipping.createShipment(
            { ...ids(data, step), paymentId: data.paymentId, address },
            step,
          );
          return { shipmentId: shipment.id };
        },
        undo: async (data, step) => void (await shipping.cancelShipment(ids(data, step), step)),
      },
      {
        name: 'commit-stock',
        pivot: true,
        run: async (data, step) => {
          await inventory.commitStock(ids(data, step), step);
          return undefined;
        },
      },
    ],
    onProgress: async (tx, _sagaId, progress) => {
      const change = changeOf(progress, deps.clock.now());
      if (change) await deps.recordChange(tx, progress.data.orderId, change);
    },
  };
}

/** What the saga of an order begins with. */
export function sagaData(order: Order): PlaceOrderData {
  return {
    orderId: order.id,
    userId: order.userId,
    items: order.lines.map(({ sku, quantity }) => ({ sku, quantity })),
    total: order.total,
    shippingAddress: order.shippingAddress,
    paymentId: '',
    shipmentId: '',
  };
}

function ids(data: PlaceOrderData, step: StepContext): { readonly requestId: string; readonly orderId: string } {
  return { requestId: step.requestId, orderId: data.orderId };
}

const stateAfterStep: Readonly<Record<string, OrderState>> = {
  'reserve-stock': 'RESERVED',
  charge: 'PAID',
  'create-shipment': 'SHIPPED',
};

/** What progress of the saga means for the order; `undefined` where it means nothing. */
function changeOf(progress: SagaProgress<PlaceOrderData>, timeMs: number): OrderChange | undefined {
  switch (progress.at) {
    case 'step-done': {
      const state = stateAfterStep[progress.step];
      return state && { state, paymentId: progress.data.paymentId, shipmentId: progress.data.shipmentId, timeMs };
    }
    case 'completed':
      return { state: 'COMPLETED', timeMs };
    case 'compensating':
      return { state: 'COMPENSATING', failure: failureOf(progress.failure), timeMs };
    case 'compensated':
      return {
        state: progress.failure.cancelled ? 'CANCELLED' : 'FAILED',
        failure: failureOf(progress.failure),
        timeMs,
      };
    case 'needs-attention':
      return { state: 'NEEDS_ATTENTION', failure: failureOf(progress.failure), timeMs };
  }
}

function failureOf({ reason, message }: SagaFailure): { readonly reason: string; readonly message: string } {
  return { reason, message };
}

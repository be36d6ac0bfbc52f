import {
  type CreateShipmentRequest,
  ShippingServiceDefinition,
  type ShippingServiceImplementation,
} from '#gen/shipping/v1/shipping.ts';
import { type Idempotency, type MeshCallContext, repeatable, toAddress } from '#mesh';
import { cancelShipment } from './cancel-shipment.ts';
import { type ChangingShipments, createShipment } from './create-shipment.ts';
import { toProto } from './proto.ts';
import type { ShipmentOrder } from './shipment.ts';
import { requireShipment } from './store.ts';

/** What the handlers stand on. */
export interface ShippingRpcDeps extends ChangingShipments {
  readonly idempotency: Idempotency;
}

const { methods } = ShippingServiceDefinition;
const creation = repeatable(ShippingServiceDefinition, methods.createShipment);
const cancellation = repeatable(ShippingServiceDefinition, methods.cancelShipment);

/**
 * The handlers of `shipping.v1.ShippingService`. The carrier is asked between transactions, so an answer is kept in one of
 * its own: a crash before that is made good by the order's id, which both calls go by.
 */
export function createShippingRpc(deps: ShippingRpcDeps): ShippingServiceImplementation<MeshCallContext> {
  const { storage, idempotency } = deps;
  return {
    async createShipment(request, { signal }) {
      const answered = await idempotency.replay(creation, request);
      if (answered) return answered;
      const shipment = toProto(await createShipment(orderOf(request), signal, deps));
      return idempotency.once(creation, request, async () => shipment);
    },

    async cancelShipment(request, { signal }) {
      const answered = await idempotency.replay(cancellation, request);
      if (answered) return answered;
      const shipment = toProto(await cancelShipment(request.orderId, signal, deps));
      return idempotency.once(cancellation, request, async () => shipment);
    },

    getShipment: async ({ orderId }) => toProto(await requireShipment(storage, orderId)),
  };
}

function orderOf({ orderId, paymentId, address }: CreateShipmentRequest): ShipmentOrder {
  if (!address) throw new Error('address is required by the contract but was not checked');
  return { orderId, paymentId, address: toAddress(address) };
}

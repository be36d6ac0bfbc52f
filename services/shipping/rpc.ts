import {
  type CreateShipmentRequest,
  ShippingServiceDefinition,
  type ShippingServiceImplementation,
} from '../../gen/ts/shipping/v1/shipping.ts';
import type { Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { repeatable } from '../../mesh/idempotency/repeatable.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import type { CancelShipment } from './cancel-shipment.ts';
import type { CreateShipment } from './create-shipment.ts';
import { toProto } from './proto.ts';
import type { ShipmentOrder } from './shipment.ts';
import { requireShipment } from './store.ts';

export interface ShippingRpcDeps {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
  readonly createShipment: CreateShipment;
  readonly cancelShipment: CancelShipment;
}

const { methods } = ShippingServiceDefinition;
const createShipmentCall = repeatable(ShippingServiceDefinition, methods.createShipment);
const cancelShipmentCall = repeatable(ShippingServiceDefinition, methods.cancelShipment);

/** The handlers of `shipping.v1.ShippingService`. */
export function createShippingRpc(deps: ShippingRpcDeps): ShippingServiceImplementation<MeshCallContext> {
  const { storage, idempotency } = deps;
  return {
    async createShipment(request, { signal }) {
      const answered = await idempotency.replay(createShipmentCall, request);
      if (answered) return answered;
      const record = await deps.createShipment(orderOf(request), signal);
      return idempotency.once(createShipmentCall, request, async (tx) => toProto(await record(tx)));
    },
    async cancelShipment(request, { signal }) {
      const answered = await idempotency.replay(cancelShipmentCall, request);
      if (answered) return answered;
      const record = await deps.cancelShipment(request.orderId, signal);
      return idempotency.once(cancelShipmentCall, request, async (tx) => toProto(await record(tx)));
    },
    getShipment: async ({ orderId }) => toProto(await requireShipment(storage, orderId)),
  };
}

function orderOf({ orderId, paymentId, address }: CreateShipmentRequest): ShipmentOrder {
  if (!address) throw new Error('address is required by the contract but was not checked');
  const { recipient, lines, city, postalCode, countryCode } = address;
  return { orderId, paymentId, address: { recipient, lines, city, postalCode, countryCode } };
}

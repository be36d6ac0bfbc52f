import type { ShippingServiceHandlers } from '#gen/shipping/v1/shipping.contract.ts';
import type { Shipment as ProtoShipment } from '#gen/shipping/v1/shipping.ts';
import { toAddress } from '#mesh';
import {
  type Answer,
  cancelLateBooking,
  cancelShipment,
  createShipment,
  type ShippingDeps,
} from './change-shipments.ts';
import { toProto } from './proto.ts';
import { getShipment } from './store.ts';

/**
 * Implements `shipping.v1.ShippingService`. The carrier is called between transactions, so a crash may come before the
 * response is stored: a repeated call then finds the shipment by its order id.
 */
export function createShippingRpc(deps: ShippingDeps): ShippingServiceHandlers {
  return {
    async createShipment({ orderId, paymentId, userId, address }, { once, signal, caller }) {
      const answered = await once.replay();
      if (answered) {
        await cancelLateBooking(orderId, signal, deps);
        return answered;
      }
      const owner = userId || (caller?.subject ?? '');
      const order = { orderId, paymentId, userId: owner, address: toAddress(address) };
      const answer: Answer<ProtoShipment> = (work) => once(async (tx) => toProto(await work(tx)));
      return await createShipment(order, { signal, answer }, deps);
    },

    cancelShipment: ({ orderId }, { once, signal }) =>
      once.withoutTransaction(async () => toProto(await cancelShipment(orderId, signal, deps))),

    getShipment: async ({ orderId }) => toProto(await getShipment(deps.storage, orderId)),
  };
}

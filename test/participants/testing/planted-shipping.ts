import {
  type CreateShipmentRequest,
  Shipment,
  ShipmentState,
  ShippingServiceDefinition,
} from '#gen/shipping/v1/shipping.ts';
import { Status } from '#mesh';
import { type Held, plantOrders, refusal } from './planted-orders.ts';
import { type PlantedServer, startPlanted } from './planted-server.ts';

const states = {
  pending: ShipmentState.SHIPMENT_STATE_PENDING,
  done: ShipmentState.SHIPMENT_STATE_BOOKED,
  undone: ShipmentState.SHIPMENT_STATE_CANCELLED,
  refused: ShipmentState.SHIPMENT_STATE_REFUSED,
  committed: ShipmentState.SHIPMENT_STATE_UNSPECIFIED,
};

type Content = Pick<CreateShipmentRequest, 'paymentId' | 'address'>;

/** A ShippingService that breaks a rule. Its carrier refuses Antarctica (AQ). */
export function startPlantedShipping(breaks?: string): Promise<PlantedServer> {
  const orders = plantOrders<Content>(
    {
      refusals: { undone: 'SHIPMENT_CANCELLED', other: 'SHIPMENT_EXISTS', unknown: 'SHIPMENT_NOT_FOUND' },
      isCounted: false,
      keepsRefused: true,
      refuse: ({ address }) => (address?.countryCode === 'AQ' ? refusal('CARRIER_REFUSED') : undefined),
      apply: () => undefined,
    },
    breaks,
  );
  const requireValid = (isValid: boolean) => {
    if (!isValid && breaks !== 'invalid-requests') throw refusal('INVALID_FIELD', Status.INVALID_ARGUMENT);
  };
  const toProto = ({ orderId, id, state, effects }: Held<Content>): Shipment =>
    Shipment.fromPartial({ orderId, id, state: states[state], trackingNumber: `T-${id}-${effects}` });
  return startPlanted(
    (server) =>
      server.add(ShippingServiceDefinition, {
        async createShipment({ requestId, orderId, paymentId, address }, { signal }) {
          requireValid(orderId !== '' && address !== undefined);
          return toProto(await orders.run(orderId, { paymentId, address }, { requestId, signal }));
        },
        async cancelShipment({ requestId, orderId }, { signal }) {
          requireValid(orderId !== '');
          return toProto(await orders.undo(orderId, { requestId, signal }));
        },
        getShipment: async ({ orderId }) => toProto(orders.read(orderId)),
      }),
    orders.restart,
  );
}

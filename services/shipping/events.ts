import { ShippingEvent } from '#gen/shipping/v1/events.ts';
import { type DomainEvent, defineTopic } from '#mesh';
import { toProto } from './proto.ts';
import type { Shipment } from './shipment.ts';

/** Every change of a shipment, keyed by the order's id. */
export const shippingTopic = defineTopic('shipping.events', ShippingEvent, {
  key: ({ orderId }) => orderId,
  version: ({ version }) => version,
});

/** Published once the carrier's answer is known. */
export function shippingEvent(shipment: Shipment): DomainEvent {
  return shippingTopic.event({
    type: `SHIPMENT_${shipment.state}`,
    timestamp: new Date(shipment.updateTimeMs),
    orderId: shipment.orderId,
    shipment: toProto(shipment),
    version: shipment.version,
  });
}

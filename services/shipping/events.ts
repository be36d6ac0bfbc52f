import { ShippingEvent } from '#gen/shipping/v1/events.ts';
import type { DomainEvent } from '#mesh';
import { toProto } from './proto.ts';
import type { Shipment } from './shipment.ts';

/** Where shipments tell of their changes. */
export const shippingTopic = 'shipping.events';

/** What is published when the carrier's answer is known. */
export function shippingEvent(shipment: Shipment): DomainEvent {
  const type = `SHIPMENT_${shipment.state}`;
  const message: ShippingEvent = {
    type,
    timestamp: new Date(shipment.updateTimeMs),
    orderId: shipment.orderId,
    shipment: toProto(shipment),
    version: shipment.version,
  };
  return {
    topic: shippingTopic,
    key: shipment.orderId,
    type,
    version: shipment.version,
    timeMs: shipment.updateTimeMs,
    json: ShippingEvent.toJSON(message),
  };
}

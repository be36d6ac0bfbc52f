import { type Shipment as ProtoShipment, ShipmentState } from '#gen/shipping/v1/shipping.ts';
import type { Shipment } from './shipment.ts';

export function toProto(shipment: Shipment): ProtoShipment {
  const { address } = shipment;
  return {
    id: shipment.id,
    orderId: shipment.orderId,
    state: ShipmentState[`SHIPMENT_STATE_${shipment.state}`],
    carrier: shipment.carrier,
    trackingNumber: shipment.trackingNumber,
    createTime: new Date(shipment.createTimeMs),
    updateTime: new Date(shipment.updateTimeMs),
    paymentId: shipment.paymentId,
    userId: shipment.userId,
    address: address && { ...address, lines: [...address.lines] },
  };
}
